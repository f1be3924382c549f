/**
 * A growing buffer that an answer is written into: text without a string for each number.
 */
import { ANYWHERE, type Room } from "./room.js";

const LEAST = 512;

export class ByteWriter {
  bytes: Buffer;
  at = 0;
  readonly #room: Room;

  constructor(room: Room = ANYWHERE) {
    this.#room = room;
    this.bytes = room.make(LEAST);
  }

  /** What was written. */
  get written(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  /** Makes room for so many bytes at `at`. */
  reserve(size: number): void {
    const needed = this.at + size;
    if (needed <= this.bytes.length) return;
    const larger = this.#room.make(Math.max(needed, 2 * this.bytes.length));
    larger.set(this.written);
    this.#room.outgrown(this.bytes);
    this.bytes = larger;
  }

  /** @param text a binary string: one character per byte */
  text(text: string): void {
    this.reserve(text.length);
    this.at += this.bytes.write(text, this.at, "latin1");
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.byteLength);
    this.bytes.set(bytes, this.at);
    this.at += bytes.byteLength;
  }
}

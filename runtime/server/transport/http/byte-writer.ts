/**
 * A growing buffer that an answer is written into: text without a string for each number. A long answer becomes several pieces, so that nothing large is
 * ever copied.
 */
import { type GrowableMemory, UNCHARGED } from "./growable-buffer.js";

const LEAST = 512;
/** A piece of this size is complete. */
const PIECE = 2 ** 18;

export class ByteWriter {
  bytes: Buffer;
  at = 0;
  readonly #room: GrowableMemory;
  #complete: Buffer[] | undefined;

  constructor(room: GrowableMemory = UNCHARGED) {
    this.#room = room;
    this.bytes = room.make(LEAST);
  }

  /** The written pieces, in order. */
  get pieces(): readonly Buffer[] {
    const last = this.bytes.subarray(0, this.at);
    return this.#complete ? [...this.#complete, last] : [last];
  }

  /** Bytes that were written. */
  get size(): number {
    let size = this.at;
    if (this.#complete) for (const piece of this.#complete) size += piece.length;
    return size;
  }

  /** Reserves this number of bytes at `at`. */
  reserve(size: number): void {
    const needed = this.at + size;
    if (needed <= this.bytes.length) return;
    if (this.at >= PIECE / 2) {
      this.#complete ??= [];
      this.#complete.push(this.bytes.subarray(0, this.at));
      this.bytes = this.#room.make(Math.max(size, PIECE));
      this.at = 0;
      return;
    }
    const larger = this.#room.make(Math.max(needed, Math.min(PIECE, 2 * this.bytes.length)));
    larger.set(this.bytes.subarray(0, this.at));
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

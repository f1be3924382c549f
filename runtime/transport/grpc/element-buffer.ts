/**
 * The raw bytes of one tensor's elements, which are added one by one or many at a time. What it will hold is counted before it grows.
 */
import type { RequestMeter } from "../../memory/request-meter.js";
import type { Cursor } from "./wire.js";

type Words = Uint8Array | Uint16Array | Uint32Array;

const LEAST_BYTES = 64;
/** Each string has its length in front. */
const STRING_HEAD = 4;

export class ElementBuffer {
  readonly #width: number;
  readonly #meter: RequestMeter;
  #buffer: Buffer = Buffer.alloc(0);
  /** The same memory, in words of an element's width, or in two words for each element of eight bytes. */
  #words: Words | undefined;
  #length = 0;

  /** @param width bytes of an element; 1 for strings */
  constructor(width: number, meter: RequestMeter) {
    this.#width = width;
    this.#meter = meter;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Makes room for so many elements more. */
  room(elements: number): void {
    this.#reserve(elements * this.#width);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    const had = this.#buffer.length;
    if (needed <= had) return;
    // A first reservation is exact; elements that come one by one double it.
    const size = had === 0 ? Math.max(LEAST_BYTES, needed) : Math.max(2 * had, needed);
    this.#meter.reserve(size - had);
    const larger = Buffer.allocUnsafe(size);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    this.#words = undefined;
  }

  #view(): Words {
    const { buffer, byteOffset, length } = this.#buffer;
    if (this.#width === 1) return this.#buffer;
    if (this.#width === 2) return new Uint16Array(buffer, byteOffset, length >> 1);
    return new Uint32Array(buffer, byteOffset, length >> 2);
  }

  /** Reads varints, for which there is room, from the cursor up to `stop`; the last one may end behind it. */
  addVarints(cursor: Cursor, stop: number, isBool: boolean): void {
    this.#words ??= this.#view();
    const words = this.#words;
    const { bytes } = cursor;
    const isWide = this.#width === 8;
    let i = isWide ? this.#length >> 2 : this.#length / this.#width;
    let { at } = cursor;
    while (at < stop) {
      let low = bytes[at]!;
      let high = 0;
      if (low < 0x80) at++;
      else {
        cursor.at = at;
        cursor.read64();
        ({ at, low, high } = cursor);
      }
      // Narrower words keep the low bits of each value, as the casts of C++ do.
      words[i++] = isBool ? Number(low !== 0 || high !== 0) : low;
      if (isWide) words[i++] = high;
    }
    cursor.at = at;
    this.#length = isWide ? i << 2 : i * this.#width;
  }

  /** Elements as they are in memory. The only ones of a tensor are not copied. */
  addFixed(values: Buffer): void {
    if (this.#length === 0) this.#buffer = values;
    else {
      this.#reserve(values.length);
      this.#buffer.set(values, this.#length);
    }
    this.#length += values.length;
  }

  /** Reads one string. */
  addString(cursor: Cursor): void {
    const remaining = cursor.end - cursor.at;
    const length = cursor.length();
    if (this.#length + STRING_HEAD + length > this.#buffer.length)
      this.#reserve(Math.max(remaining, STRING_HEAD + length));
    this.#buffer.writeUInt32LE(length, this.#length);
    cursor.bytes.copy(this.#buffer, this.#length + STRING_HEAD, cursor.at, cursor.at + length);
    cursor.at += length;
    this.#length += STRING_HEAD + length;
  }
}

/**
 * The raw bytes of one tensor's elements, which are added one by one or many at a time. The new size is counted before the buffer grows.
 */
import type { RequestMeter } from "../../base/memory/request-meter.js";
import { type Cursor, highBits } from "./wire.js";

type Words = Uint8Array | Uint16Array | Uint32Array;

const LEAST_BYTES = 64;
const GROWTH = 1.5;
/** An int64 of one byte has a tag of one byte, and becomes eight. */
const MOST_EXPANSION = 4;
/** Each string has its length in front. */
const STRING_HEAD = 4;
/** Bytes of a string that are copied one by one, since a call costs more. */
const SHORT_STRING = 32;

export class ElementBuffer {
  readonly #width: number;
  readonly #meter: RequestMeter;
  #buffer: Buffer = Buffer.alloc(0);
  /** The same memory, in words of an element's width, or in two words for each element of eight bytes. */
  #words: Words | undefined;
  #length = 0;
  /** The offset of the first element on the wire. */
  #from = -1;

  /** @param width bytes of an element; 1 for strings */
  constructor(width: number, meter: RequestMeter) {
    this.#width = width;
    this.#meter = meter;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Reserves this number of elements, which are counted. */
  room(elements: number): void {
    const needed = this.#length + elements * this.#width;
    if (needed > this.#buffer.length) this.#resize(needed);
  }

  /**
   * Reserves space for a single element. The rest of the message is expected to resemble the part that was read: copying is most of the
   * cost of growing.
   * @param start of the element on the wire @param end of the message
   */
  #roomForOne(bytes: number, start: number, end: number): void {
    const needed = this.#length + bytes;
    const had = this.#buffer.length;
    if (this.#from < 0) this.#from = start;
    if (needed <= had) return;
    const read = start - this.#from;
    const rest = read > 0 ? Math.min((this.#length / read) * (end - start), MOST_EXPANSION * (end - start)) : 0;
    this.#resize(Math.ceil(Math.max(LEAST_BYTES, needed, GROWTH * had, needed + rest)));
  }

  #resize(size: number): void {
    this.#meter.reserve(size - this.#buffer.length);
    const larger = Buffer.allocUnsafe(size);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    this.#words = undefined;
  }

  /** Reads one varint. @param start of its tag */
  addVarint(cursor: Cursor, start: number, isBool: boolean): void {
    this.#roomForOne(this.#width, start, cursor.end);
    this.addVarints(cursor, cursor.at + 1, isBool);
  }

  /**
   * Reads varints of one byte, each behind the same tag, while there is room.
   *
   * @param stop offset before which each of them ends
   */
  addShortVarints(cursor: Cursor, tag: number, stop: number, isBool: boolean): void {
    this.#words ??= this.#view();
    const words = this.#words;
    const { bytes } = cursor;
    const isWide = this.#width === 8;
    const last = words.length - (isWide ? 2 : 1);
    let i = isWide ? this.#length >> 2 : this.#length / this.#width;
    let { at } = cursor;
    for (; at + 1 < stop && i <= last && bytes[at] === tag; at += 2) {
      const value = bytes[at + 1]!;
      if (value > 1 && (isBool || value > 0x7f)) break;
      words[i++] = value;
      if (isWide) words[i++] = 0;
    }
    cursor.at = at;
    this.#length = isWide ? i << 2 : i * this.#width;
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
        low = cursor.low32();
        high = highBits();
        ({ at } = cursor);
      }
      // Narrower words keep the low bits of each value, as the casts of C++ do.
      words[i++] = isBool ? Number(low !== 0 || high !== 0) : low;
      if (isWide) words[i++] = high;
    }
    cursor.at = at;
    this.#length = isWide ? i << 2 : i * this.#width;
  }

  /** Elements as they are in memory. The only ones of a tensor are not copied. @param start of their tag @param end of the message */
  addFixed(values: Buffer, start: number, end: number): void {
    if (this.#length === 0) {
      this.#buffer = values;
      this.#from = start;
    } else {
      this.#roomForOne(values.length, start, end);
      this.#buffer.set(values, this.#length);
    }
    this.#length += values.length;
  }

  /** Elements as they are in memory, each behind the same tag, while there is room. @param stop offset before which each of them ends */
  addTaggedFixed(cursor: Cursor, tag: number, stop: number): void {
    const { bytes } = cursor;
    const buffer = this.#buffer;
    const width = this.#width;
    let { at } = cursor;
    let length = this.#length;
    for (; at + width < stop && length + width <= buffer.length && bytes[at] === tag; at += width + 1) {
      for (let i = 1; i <= width; i++) buffer[length++] = bytes[at + i]!;
    }
    cursor.at = at;
    this.#length = length;
  }

  /** Reads strings of few bytes, each behind the same tag, while there is room. @param stop offset before which each of them ends */
  addShortStrings(cursor: Cursor, tag: number, stop: number): void {
    const { bytes } = cursor;
    const buffer = this.#buffer;
    let { at } = cursor;
    let length = this.#length;
    while (at + 1 < stop && bytes[at] === tag) {
      const size = bytes[at + 1]!;
      const end = at + 2 + size;
      if (size > SHORT_STRING || end > stop || length + STRING_HEAD + size > buffer.length) break;
      buffer[length] = size;
      for (let i = 1; i < STRING_HEAD; i++) buffer[length + i] = 0;
      length += STRING_HEAD;
      for (let i = at + 2; i < end; i++) buffer[length++] = bytes[i]!;
      at = end;
    }
    cursor.at = at;
    this.#length = length;
  }

  /** Reads one string. @param start of its tag */
  addString(cursor: Cursor, start: number): void {
    const length = cursor.length();
    this.#roomForOne(STRING_HEAD + length, start, cursor.end);
    this.#buffer.writeUInt32LE(length, this.#length);
    cursor.bytes.copy(this.#buffer, this.#length + STRING_HEAD, cursor.at, cursor.at + length);
    cursor.at += length;
    this.#length += STRING_HEAD + length;
  }
}

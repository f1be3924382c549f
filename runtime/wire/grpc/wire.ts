/**
 * The protobuf wire format: a cursor over a buffer, which refuses what protobuf's parsers refuse. `back-writer.ts` writes.
 */
import { isUtf8 } from "node:buffer";
import { internal, invalid, type RuntimeFault } from "../../base/errors.js";
import { type RequestMeter, UNMETERED } from "../../base/memory/request-meter.js";
import { MAX_NAME, MAX_NESTING } from "./limits.js";

export const malformed = (): RuntimeFault => internal("Unable to parse request");

/** Wire types. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, group: 3, endGroup: 4, fixed32: 5 } as const;

/** The upper half of the varint that `low32` read last. Not in the cursor: a message has many, and few such varints. */
let high = 0;
export const highBits = (): number => high;

/** Reads fields of one message; sub-messages are cursors over the same bytes. */
export class Cursor {
  /** @param meter counts what is decoded @param depth messages around this one */
  constructor(
    readonly bytes: Buffer,
    public at = 0,
    readonly end = bytes.length,
    readonly meter: RequestMeter = UNMETERED,
    readonly depth = 0,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  /** A field's number and wire type, which counts for the message's limit. Field 0 and an end of no group are refused. */
  tag(): number {
    this.meter.field();
    return this.elementTag();
  }

  /** The same of a tensor's elements, which are limited by their bytes alone. */
  elementTag(): number {
    const tag = this.at < this.end && this.bytes[this.at]! < 0x80 ? this.bytes[this.at++]! : this.#longTag();
    if (tag >>> 3 === 0 || (tag & 7) === WIRE.endGroup) throw malformed();
    return tag;
  }

  /** A varint of 32 bits in at most five bytes. */
  #longTag(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.end) throw malformed();
      const byte = this.bytes[this.at++]!;
      if (shift === 28 && byte > 0x0f) throw malformed();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed();
  }

  /** The length of a field, whose bytes are there. */
  length(): number {
    let length: number;
    if (this.at < this.end && this.bytes[this.at]! < 0x80) length = this.bytes[this.at++]!;
    else {
      const low = this.low32();
      length = high === 0 ? low : Number.POSITIVE_INFINITY;
    }
    if (length > this.end - this.at) throw malformed();
    return length;
  }

  /** Reads a varint of up to ten bytes. @returns its lower half; `highBits` has the upper one, and bits beyond the 64th are lost */
  low32(): number {
    const { bytes, end } = this;
    let low = 0;
    let upper = 0;
    for (let i = 0; i < 10; i++) {
      if (this.at >= end) throw malformed();
      const byte = bytes[this.at++]!;
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (i * 7);
      else if (i === 4) {
        low |= bits << 28;
        upper = bits >>> 4;
      } else upper |= bits << (i * 7 - 32);
      if (byte < 0x80) {
        high = upper >>> 0;
        return low >>> 0;
      }
    }
    throw malformed();
  }

  bool(): boolean {
    return this.low32() !== 0 || high !== 0;
  }

  int32(): number {
    return this.low32() | 0;
  }

  /** A signed 64-bit varint; numbers a double can't hold become the nearest one. */
  int64(): number {
    if (this.at < this.end && this.bytes[this.at]! < 0x80) return this.bytes[this.at++]!;
    const low = this.low32();
    return (high | 0) * 2 ** 32 + low;
  }

  /** A varint as 64 bits. */
  uint64(): bigint {
    const low = this.low32();
    return (BigInt(high) << 32n) | BigInt(low);
  }

  /** Counts objects that the bytes so far become. @throws RuntimeFault */
  count(cost: number): void {
    this.meter.take(cost, this.at);
  }

  take(length: number): Buffer {
    if (length < 0 || length > this.end - this.at) throw malformed();
    const view = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return view;
  }

  block(): Buffer {
    return this.take(this.length());
  }

  message(): Cursor {
    const length = this.length();
    if (this.depth >= MAX_NESTING) throw malformed();
    const inner = new Cursor(this.bytes, this.at, this.at + length, this.meter, this.depth + 1);
    this.at += length;
    return inner;
  }

  /** A name or an id: a string of bounded length. @throws RuntimeFault for a longer one */
  name(): string {
    return this.#string(this.meter === UNMETERED ? Number.POSITIVE_INFINITY : MAX_NAME);
  }

  /** A string, which must be UTF-8. */
  text(): string {
    return this.#string(Number.POSITIVE_INFINITY);
  }

  #string(most: number): string {
    const length = this.length();
    if (length > most)
      throw invalid(`the request has a name or an id of ${length} bytes; at most ${most} are supported`);
    const start = this.at;
    this.at += length;
    // Names are short and ASCII: the loop costs less than a call into the engine.
    if (length <= 24) {
      let text = "";
      let i = start;
      for (; i < this.at; i++) {
        const code = this.bytes[i]!;
        if (code > 127) break;
        text += String.fromCharCode(code);
      }
      if (i === this.at) return text;
    }
    const text = this.bytes.toString("utf8", start, this.at);
    // Only where decoding replaced something, or the text has that very character, are the bytes looked at.
    if (text.includes("\ufffd") && !isUtf8(this.bytes.subarray(start, this.at))) throw malformed();
    return text;
  }

  /** Skips the value of an unknown field, or of one with another wire type than its own. */
  skip(tag: number): void {
    const type = tag & 7;
    if (type === WIRE.varint) this.#skipVarint();
    else if (type === WIRE.fixed64) this.#jump(8);
    else if (type === WIRE.bytes) this.#jump(this.length());
    else if (type === WIRE.group) this.#skipGroup(tag >>> 3);
    else if (type === WIRE.fixed32) this.#jump(4);
    else throw malformed();
  }

  #jump(bytes: number): void {
    if (bytes > this.end - this.at) throw malformed();
    this.at += bytes;
  }

  #skipVarint(): void {
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw malformed();
      if (this.bytes[this.at++]! < 0x80) return;
    }
    throw malformed();
  }

  /** Groups are skipped without recursion. */
  #skipGroup(number: number): void {
    const open = [number];
    while (open.length > 0) {
      if (open.length + this.depth > MAX_NESTING) throw malformed();
      this.meter.field();
      const tag = this.#longTag();
      const type = tag & 7;
      if (tag >>> 3 === 0) throw malformed();
      if (type === WIRE.group) open.push(tag >>> 3);
      else if (type !== WIRE.endGroup) this.skip(tag);
      else if (open.pop() !== tag >>> 3) throw malformed();
    }
  }
}

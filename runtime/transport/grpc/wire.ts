/**
 * The protobuf wire format for the two hot messages: a cursor over a buffer. `back-writer.ts` writes.
 */
import { RuntimeFault } from "../../errors.js";

const truncated = (): RuntimeFault => new RuntimeFault("INTERNAL", "Unable to parse request");

/** Reads fields of one message; sub-messages are cursors over the same bytes. */
export class Cursor {
  constructor(
    readonly bytes: Buffer,
    public at = 0,
    readonly end = bytes.length,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  /** A varint as a number: exact up to 2^53, which covers tags, lengths and 32-bit values. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw truncated();
      const byte = this.bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw truncated();
  }

  /** The low 32 bits of a varint: negative int32 values travel as ten bytes. */
  low32(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw truncated();
      const byte = this.bytes[this.at++]!;
      if (i < 5) value |= (byte & 0x7f) << (i * 7);
      if (byte < 0x80) return value >>> 0;
    }
    throw truncated();
  }

  /** A varint as 64 bits. */
  bigVarint(): bigint {
    const start = this.at;
    let low = 0n;
    let shift = 0n;
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw truncated();
      const byte = this.bytes[this.at++]!;
      low |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return this.at - start < 10 ? low : BigInt.asUintN(64, low);
      shift += 7n;
    }
    throw truncated();
  }

  /** A signed 64-bit varint; numbers a double can't hold become the nearest one. */
  int64(): number {
    const start = this.at;
    const value = this.varint();
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    this.at = start;
    return Number(BigInt.asIntN(64, this.bigVarint()));
  }

  take(length: number): Buffer {
    if (length < 0 || this.at + length > this.end) throw truncated();
    const view = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return view;
  }

  block(): Buffer {
    return this.take(this.varint());
  }

  message(): Cursor {
    const length = this.varint();
    if (this.at + length > this.end) throw truncated();
    const inner = new Cursor(this.bytes, this.at, this.at + length);
    this.at += length;
    return inner;
  }

  text(): string {
    const length = this.varint();
    const start = this.at;
    if (start + length > this.end) throw truncated();
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
    return this.bytes.toString("utf8", start, this.at);
  }

  skip(wireType: number): void {
    if (wireType === 0) this.bigVarint();
    else if (wireType === 1) this.take(8);
    else if (wireType === 2) this.block();
    else if (wireType === 5) this.take(4);
    else throw truncated();
  }
}

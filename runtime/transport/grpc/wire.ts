/**
 * The protobuf wire format for the two hot messages: a cursor over a buffer, and a writer that sizes first and copies once.
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
    return this.block().toString("utf8");
  }

  skip(wireType: number): void {
    if (wireType === 0) this.bigVarint();
    else if (wireType === 1) this.take(8);
    else if (wireType === 2) this.block();
    else if (wireType === 5) this.take(4);
    else throw truncated();
  }
}

const varintSize = (value: number): number => {
  let size = 1;
  while (value >= 128) {
    value = Math.floor(value / 128);
    size++;
  }
  return size;
};

/** A message as chunks and their total size: nested messages are spliced in, large blobs are never copied before the final write. */
export class Fields {
  readonly chunks: Uint8Array[] = [];
  size = 0;

  private push(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
  }

  private head(field: number, wireType: number, value: number): void {
    const tag = field * 8 + wireType;
    const head = Buffer.allocUnsafe(varintSize(tag) + varintSize(value));
    writeVarint(head, writeVarint(head, 0, tag), value);
    this.push(head);
  }

  bytes(field: number, value: Uint8Array): this {
    this.head(field, 2, value.length);
    if (value.length > 0) this.push(value);
    return this;
  }

  /** Left out when empty, as proto3 does. */
  text(field: number, value: string): this {
    return value === "" ? this : this.bytes(field, Buffer.from(value));
  }

  message(field: number, inner: Fields): this {
    this.head(field, 2, inner.size);
    for (const chunk of inner.chunks) this.push(chunk);
    return this;
  }

  uint(field: number, value: number): this {
    this.head(field, 0, value);
    return this;
  }

  int64(field: number, value: bigint): this {
    const bits = BigInt.asUintN(64, value);
    if (bits <= BigInt(Number.MAX_SAFE_INTEGER)) return this.uint(field, Number(bits));
    const out: number[] = [field * 8];
    for (let rest = bits; ; rest >>= 7n) {
      if (rest < 128n) {
        out.push(Number(rest));
        break;
      }
      out.push(Number(rest & 127n) | 128);
    }
    this.push(Uint8Array.from(out));
    return this;
  }

  double(field: number, value: number): this {
    const chunk = Buffer.allocUnsafe(9);
    chunk[0] = field * 8 + 1;
    chunk.writeDoubleLE(value, 1);
    this.push(chunk);
    return this;
  }

  /** `repeated int64`, packed. */
  packed(field: number, values: readonly number[]): this {
    if (values.length === 0) return this;
    const inner = Buffer.allocUnsafe(values.length * 10);
    let at = 0;
    for (const value of values) at = value < 0 ? writeNegative(inner, at, value) : writeVarint(inner, at, value);
    return this.bytes(field, inner.subarray(0, at));
  }

  /** All chunks in one buffer, after `before` free bytes. */
  finish(before = 0): Buffer {
    const out = Buffer.allocUnsafe(before + this.size);
    let at = before;
    for (const chunk of this.chunks) {
      out.set(chunk, at);
      at += chunk.length;
    }
    return out;
  }
}

function writeVarint(out: Buffer, at: number, value: number): number {
  let rest = value;
  while (rest >= 128) {
    out[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  out[at++] = rest;
  return at;
}

function writeNegative(out: Buffer, at: number, value: number): number {
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) out[at++] = Number(rest & 127n) | 128;
  out[at++] = Number(rest);
  return at;
}

/**
 * Writes and reads the heads of frames between workers: numbers, texts and parameters in a compact binary form, without a schema on the wire.
 * Both ends are the same build.
 */
import type { Parameter } from "../../base/tensor.js";

/** Texts up to this length are written byte by byte if they are ASCII: a call of native code costs more. */
const SHORT = 24;
/** A scratch buffer that grew beyond this is not kept. */
const KEPT = 2 ** 16;

const KIND = { false: 0, true: 1, number: 2, signed: 3, unsigned: 4, text: 5, string: 6 } as const;
const [INT64_MIN, INT64_MAX, UINT64_MAX] = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n];

export class Packer {
  #bytes = Buffer.allocUnsafeSlow(4096);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** Starts over. @param room bytes that are left free at the start */
  begin(room = 0): this {
    if (this.#bytes.length > KEPT) this.#bytes = Buffer.allocUnsafeSlow(4096);
    this.#need(room);
    this.#at = room;
    return this;
  }

  u8(value: number): void {
    this.#need(1);
    this.#bytes[this.#at++] = value;
  }

  u32(value: number): void {
    this.#need(4);
    this.#at = this.#bytes.writeUInt32LE(value, this.#at);
  }

  f64(value: number): void {
    this.#need(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  text(value: string): void {
    const { length } = value;
    if (length <= SHORT && this.#ascii(value)) return;
    const size = Buffer.byteLength(value);
    this.u32(size);
    this.#need(size);
    this.#at += this.#bytes.write(value, this.#at);
  }

  /** @returns false, and writes nothing, for a text with other characters */
  #ascii(value: string): boolean {
    const { length } = value;
    this.#need(4 + length);
    const bytes = this.#bytes;
    const start = this.#at + 4;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      bytes[start + i] = code;
    }
    bytes.writeUInt32LE(length, this.#at);
    this.#at = start + length;
    return true;
  }

  parameter(value: Parameter): void {
    if (typeof value === "string") {
      this.u8(KIND.string);
      this.text(value);
    } else if (typeof value === "number") {
      this.u8(KIND.number);
      this.f64(value);
    } else if (typeof value === "bigint") this.#bigint(value);
    else this.u8(value ? KIND.true : KIND.false);
  }

  #bigint(value: bigint): void {
    if (value >= INT64_MIN && value <= INT64_MAX) {
      this.u8(KIND.signed);
      this.#need(8);
      this.#at = this.#bytes.writeBigInt64LE(value, this.#at);
    } else if (value >= 0n && value <= UINT64_MAX) {
      this.u8(KIND.unsigned);
      this.#need(8);
      this.#at = this.#bytes.writeBigUInt64LE(value, this.#at);
    } else {
      this.u8(KIND.text);
      this.text(value.toString());
    }
  }

  /** Bytes as they are. */
  raw(data: Uint8Array): void {
    this.#need(data.byteLength);
    this.#bytes.set(data, this.#at);
    this.#at += data.byteLength;
  }

  /** Zeros up to a multiple of 8, counted from `origin`. */
  align(origin: number): void {
    const rest = (this.#at - origin) % 8;
    for (let i = rest; i > 0 && i < 8; i++) this.u8(0);
  }

  /** The bytes so far, for a header at their start. */
  get view(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** A copy. */
  take(): Buffer {
    return Buffer.from(this.view);
  }

  #need(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** A frame that does not follow the form: the link ends. */
export class BadFrame extends Error {
  override readonly name = "BadFrame";
}

export class Unpacker {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    if (end > bytes.length) throw new BadFrame("a frame is shorter than its head");
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  text(): string {
    const size = this.u32();
    const at = this.#take(size);
    return this.#bytes.toString("utf8", at, at + size);
  }

  parameter(): Parameter {
    const kind = this.u8();
    if (kind === KIND.string) return this.text();
    if (kind === KIND.number) return this.f64();
    if (kind === KIND.signed) return this.#bytes.readBigInt64LE(this.#take(8));
    if (kind === KIND.unsigned) return this.#bytes.readBigUInt64LE(this.#take(8));
    if (kind === KIND.text) return this.#bigint();
    if (kind > KIND.true) throw new BadFrame(`a parameter of kind ${kind}`);
    return kind === KIND.true;
  }

  #bigint(): bigint {
    const text = this.text();
    if (!/^-?\d{1,1000}$/.test(text)) throw new BadFrame("an integer that is not one");
    return BigInt(text);
  }

  /** How many of something follow, of which each takes at least `least` bytes. */
  count(least: number): number {
    const count = this.u32();
    if (count * least > this.#end - this.#at) throw new BadFrame(`${count} parts in ${this.#end - this.#at} bytes`);
    return count;
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) throw new BadFrame("a head ends within a field");
    this.#at = at + size;
    return at;
  }

  /** @throws BadFrame where something follows */
  end(): void {
    if (this.#at !== this.#end) throw new BadFrame(`${this.#end - this.#at} bytes after a head`);
  }
}

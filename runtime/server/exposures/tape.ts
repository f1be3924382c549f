/**
 * Numbers, arrays and texts one after the other in one buffer, which moves to another thread without a copy. Arrays start at multiples of 8
 * bytes, so that the reader's arrays are views of the buffer.
 */
import { DATATYPES, type DatatypeRow, type DType, datatype, type Values } from "../../../triton-protos/datatype.js";

type Numbers = Exclude<Values, readonly string[]>;

/** Bytes of a tape that has no large record. */
export const TAPE_BYTES = 2 ** 20;

/** Marks a number that is not there. */
export const NONE = -1;
/** Marks a row set in the place of a column. */
export const ROWS = -2;

const aligned = (bytes: number): number => (bytes + 7) & ~7;

/** Texts up to this length are written without native code. */
const SHORT = 64;

/** Bytes that an array or the texts of a column take at most. */
export function roomFor(values: Values | Uint8Array | Int32Array): number {
  if (ArrayBuffer.isView(values)) return aligned(values.byteLength);
  let bytes = 0;
  for (let i = 0; i < values.length; i++) bytes += roomForText(values[i]!);
  return aligned(bytes);
}

/** Bytes that a text takes at most, before it is aligned. */
export const roomForText = (text: string): number =>
  4 + (text.length <= SHORT ? 3 * text.length : Buffer.byteLength(text));

/** The writing side. The caller reserves room before it writes. */
export class Tape {
  #buffer: ArrayBuffer;
  #capacity = 0;
  #bytes!: Uint8Array;
  #ints!: Int32Array;
  #doubles!: Float64Array;
  #wide!: BigInt64Array;
  /** An array over the buffer by the number of each dtype. */
  #arrays!: readonly (Numbers | undefined)[];
  #at = 0;

  constructor(buffer = new ArrayBuffer(TAPE_BYTES)) {
    this.#buffer = buffer;
    this.#view();
  }

  /** Bytes that are written. */
  get length(): number {
    return this.#at;
  }

  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  /** Makes room for more bytes. */
  reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#capacity) return;
    const larger = new ArrayBuffer(aligned(Math.max(needed, 2 * this.#capacity)));
    new Uint8Array(larger).set(this.#bytes.subarray(0, this.#at));
    this.#buffer = larger;
    this.#view();
  }

  /** Discards everything that was written since the tape had this length. */
  cut(length: number): void {
    this.#at = length;
  }

  int(value: number): void {
    this.#ints[this.#at >> 2] = value;
    this.#at += 4;
  }

  /** Writes an integer at a place that has one. */
  setInt(at: number, value: number): void {
    this.#ints[at >> 2] = value;
  }

  /** At a multiple of 8 bytes. */
  double(value: number): void {
    this.#doubles[this.#at >> 3] = value;
    this.#at += 8;
  }

  /** The low 64 bits, at a multiple of 8 bytes. */
  wide(value: bigint): void {
    this.#wide[this.#at >> 3] = value;
    this.#at += 8;
  }

  ints(values: Int32Array): void {
    this.#ints.set(values, this.#at >> 2);
    this.#at += aligned(4 * values.length);
  }

  flags(values: Uint8Array): void {
    this.#bytes.set(values, this.#at);
    this.#at += aligned(values.length);
  }

  /** @param row of the values' dtype */
  column({ number, bytes }: DatatypeRow, values: Values): void {
    if (!ArrayBuffer.isView(values)) {
      for (let i = 0; i < values.length; i++) this.#text(values[i]!);
      this.align();
      return;
    }
    // Arrays of one dtype have one type.
    (this.#arrays[number] as Float64Array).set(values as Float64Array, this.#at / bytes);
    this.#at += aligned(values.byteLength);
  }

  /** A text, up to the next multiple of 8 bytes. */
  text(text: string): void {
    this.#text(text);
    this.align();
  }

  align(): void {
    this.#at = aligned(this.#at);
  }

  /** Its length and its UTF-8, unaligned. */
  #text(text: string): void {
    const bytes = this.#bytes;
    const start = this.#at;
    const at = start + 4;
    let i = 0;
    // Ids are short and of ASCII: a call of native code costs more.
    for (; i < text.length && i < SHORT; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) break;
      bytes[at + i] = code;
    }
    const length = i === text.length ? i : Buffer.from(this.#buffer, at).write(text, "utf8");
    bytes[start] = length;
    bytes[start + 1] = length >> 8;
    bytes[start + 2] = length >> 16;
    bytes[start + 3] = length >> 24;
    this.#at = at + length;
  }

  #view(): void {
    const buffer = this.#buffer;
    this.#capacity = buffer.byteLength;
    this.#bytes = new Uint8Array(buffer);
    this.#ints = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#wide = new BigInt64Array(buffer);
    const arrays: (Numbers | undefined)[] = [];
    for (const { number, array } of DATATYPES) arrays[number] = array ? new array(buffer) : undefined;
    this.#arrays = arrays;
  }
}

/** The reading side, in the order of writing. Arrays are views of the buffer. */
export class TapeReader {
  readonly #buffer: ArrayBuffer;
  readonly #data: DataView;
  #at = 0;

  constructor(buffer: ArrayBuffer) {
    this.#buffer = buffer;
    this.#data = new DataView(buffer);
  }

  get at(): number {
    return this.#at;
  }

  goTo(at: number): void {
    this.#at = at;
  }

  int(): number {
    const value = this.#data.getInt32(this.#at, true);
    this.#at += 4;
    return value;
  }

  double(): number {
    const value = this.#data.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  wide(): bigint {
    const value = this.#data.getBigInt64(this.#at, true);
    this.#at += 8;
    return value;
  }

  ints(count: number): Int32Array {
    const values = new Int32Array(this.#buffer, this.#at, count);
    this.#at += aligned(4 * count);
    return values;
  }

  flags(count: number): Uint8Array {
    const values = new Uint8Array(this.#buffer, this.#at, count);
    this.#at += aligned(count);
    return values;
  }

  column(dtype: DType, count: number): Values {
    const { array, bytes } = datatype(dtype);
    if (array) {
      const values = new array(this.#buffer, this.#at, count);
      this.#at += aligned(count * bytes);
      return values;
    }
    const texts = new Array<string>(count);
    for (let i = 0; i < count; i++) texts[i] = this.#text();
    this.align();
    return texts;
  }

  text(): string {
    const text = this.#text();
    this.align();
    return text;
  }

  align(): void {
    this.#at = aligned(this.#at);
  }

  #text(): string {
    const length = this.#data.getInt32(this.#at, true);
    const text = Buffer.from(this.#buffer, this.#at + 4, length).toString("utf8");
    this.#at += 4 + length;
    return text;
  }
}

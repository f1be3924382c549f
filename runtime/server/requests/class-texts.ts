/**
 * Texts `value:index[:label]`, each after its length in four bytes, as a tensor of BYTES holds them.
 */
import type { Charge } from "../../base/memory/memory-budget.js";
import { SMALL, writeSix, writeSmall } from "./digits.js";
import type { Numbers } from "./falling-order.js";

/** The longest: a double of 309 digits before its six decimals, a sign, and an index. */
const LONGEST = 384;
const FIRST = 2 ** 10;
/** A full buffer grows to the size that all texts need at the mean length so far, and by this share of it. */
const SPARE = 1 / 16;
const LEAST_GROWTH = 1.25;
const LENGTH = 4;
const [COLON, MINUS, DOT] = [58, 45, 46];
/** The bytes of `nan`, as a little-endian word. */
const NAN = 0x6e616e;
const DECIMALS = 1e6;
/** From here on there are no decimals, and more digits than arithmetic on doubles yields. */
const WHOLE = 2 ** 53;
/** Only numbers that end in these bits have a tie between two decimals: 10^6 is 2^6 times an odd number. */
const TIE = 2 ** 7;

export interface ClassTextOptions {
  readonly values: Numbers;
  readonly labels: readonly string[];
  /** The number of texts. */
  readonly count: number;
  /** The account of the request. */
  readonly charge: Charge | undefined;
}

export class ClassTexts {
  readonly #values: Numbers;
  readonly #isFloat: boolean;
  readonly #labels: readonly string[];
  readonly #charge: Charge | undefined;
  readonly #count: number;
  #added = 0;
  #memory: Buffer;
  #view: DataView;
  /** The offset of the next text. */
  #at = 0;

  constructor({ values, labels, count, charge }: ClassTextOptions) {
    this.#values = values;
    this.#isFloat = values instanceof Float32Array || values instanceof Float64Array;
    this.#labels = labels;
    this.#charge = charge;
    this.#count = count;
    charge?.add(FIRST);
    this.#memory = Buffer.allocUnsafeSlow(FIRST);
    this.#view = viewOf(this.#memory);
  }

  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#at);
  }

  /**
   * Adds the texts of a part of a row.
   *
   * @param start the first value of the row
   * @param order indices of values in the row, of which those at `from` to `to` are added
   * @throws RuntimeFault where the server's memory is used up
   */
  add(start: number, order: ArrayLike<number>, from: number, to: number): void {
    const values = this.#values;
    const labels = this.#labels;
    const isFloat = this.#isFloat;
    let memory = this.#memory;
    let view = this.#view;
    let at = this.#at;
    for (let i = from; i < to; i++) {
      const index = order[i]!;
      const label = labels.length === 0 ? undefined : labels[index];
      const room = LENGTH + LONGEST + (label === undefined ? 0 : 3 * label.length);
      if (memory.length - at < room) {
        this.#at = at;
        this.#grow(room);
        memory = this.#memory;
        view = this.#view;
      }
      const begin = at + LENGTH;
      at = isFloat
        ? writeFixed(view, begin, values as Float64Array, start + index)
        : writeWhole(view, begin, values[start + index]!);
      view.setUint8(at, COLON);
      at = writeSmall(view, at + 1, index);
      if (label !== undefined) {
        view.setUint8(at, COLON);
        at = writeText(view, at + 1, label);
      }
      view.setUint32(begin - LENGTH, at - begin, true);
      this.#added++;
    }
    this.#at = at;
  }

  #grow(bytes: number): void {
    const { length } = this.#memory;
    const expected = this.#added === 0 ? 0 : (this.#at / this.#added) * this.#count * (1 + SPARE);
    const size = bytes + Math.ceil(Math.max(expected, LEAST_GROWTH * length));
    this.#charge?.add(size);
    const larger = Buffer.allocUnsafeSlow(size);
    larger.set(this.bytes);
    this.#memory = larger;
    this.#view = viewOf(larger);
    this.#charge?.subtract(length);
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Buffer): DataView => new DataView(buffer, byteOffset, byteLength);

function writeText({ buffer, byteOffset, byteLength }: DataView, at: number, text: string): number {
  return at + Buffer.from(buffer, byteOffset, byteLength).write(text, at, "utf8");
}

function writeWhole(view: DataView, at: number, value: number | bigint): number {
  if (typeof value === "bigint") return writeText(view, at, String(value));
  if (value < 0) {
    view.setUint8(at, MINUS);
    return writeCount(view, at + 1, -value);
  }
  return writeCount(view, at, value);
}

/** Writes a whole number from 0 below 2^53. */
const writeCount = (view: DataView, at: number, value: number): number =>
  value < SMALL ? writeSmall(view, at, value | 0) : writeText(view, at, String(value));

/**
 * As `std::to_string` prints a double: six decimals of its exact value, a tie to the even one, and every digit before them.
 *
 * @param values an array and an index, since a double as an argument would be allocated
 */
function writeFixed(view: DataView, at: number, values: Float32Array | Float64Array, index: number): number {
  const value = values[index]!;
  const size = Math.abs(value);
  if (!(size < WHOLE)) {
    if (!Number.isNaN(value)) return writeText(view, at, printLarge(value));
    view.setUint32(at, NAN, true);
    return at + 3;
  }
  let to = at;
  if (value < 0 || Object.is(value, -0)) view.setUint8(to++, MINUS);
  let whole = Math.floor(size);
  const scaled = (size - whole) * DECIMALS;
  let decimals = Math.floor(scaled);
  const rest = scaled - decimals;
  if (Math.abs(rest - 0.5) < 1e-6) {
    // Too close for arithmetic on doubles, or a tie.
    const isTie = Number.isInteger(size * TIE);
    if (!isTie) return writeText(view, to, size.toFixed(6));
    decimals += decimals % 2;
  } else if (rest > 0.5) decimals++;
  if (decimals === DECIMALS) {
    whole++;
    decimals = 0;
  }
  // As integers: a double as an argument would be allocated.
  to = whole < SMALL ? writeSmall(view, to, whole | 0) : writeText(view, to, String(whole));
  view.setUint8(to, DOT);
  return writeSix(view, to + 1, decimals | 0);
}

function printLarge(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return `${BigInt(value)}.000000`;
}

/** Numbers for every branch of `addFixed`: signs, lengths, ties, roundings, and those without arithmetic. */
const EVERY_WAY = [0, -0, -1 / 128, 3 / 128, 0.9999995, 0.99999949, 7.25, 42.5, 123.4, 5e3, 1e4, 1e8 + 0.5, 3e9, 1e300];
const REPEATED = 64;
let kept: ClassTexts | undefined;

/**
 * Prints some numbers once, before the first texts of a process. V8 has then seen every branch, and keeps its optimized code.
 * The object lives on: with the last one of its class the shape of the class is lost, and again the code.
 */
export function keepShapes(): void {
  if (kept) return;
  const values = Float32Array.from({ length: REPEATED * EVERY_WAY.length }, (_, i) => EVERY_WAY[i % EVERY_WAY.length]!);
  values.fill(Number.NaN, 0, EVERY_WAY.length);
  const order = Uint32Array.from(values.keys());
  kept = new ClassTexts({ values, labels: [], count: values.length, charge: undefined });
  for (let at = 0; at < values.length; at += EVERY_WAY.length) kept.add(0, order, at, at + EVERY_WAY.length);
}

/**
 * The quick way through an array of numbers, which is what most of a large JSON request is: bytes → doubles, without a string or a value for each.
 * Whatever is not plain goes the long way, which knows every fault's text and place.
 */
import { bufferPool } from "../../memory/buffer-pool.js";
import { toDouble } from "./decimal.js";

/** Shorter arrays, as shapes are, gain nothing. */
const LEAST_BYTES = 24;
/** Where an array is read to that has no more numbers than this. */
const few = new Float64Array(256);
const [ZERO, NINE, CLOSE, COMMA, DOT, MINUS, PLUS, SMALL_E] = [0x30, 0x39, 0x5d, 0x2c, 0x2e, 0x2d, 0x2b, 0x65];
/** Digits are kept as an integer of the first ten and one of the others, which are at most nine. */
const LEADING_DIGITS = 10;
const MOST_DIGITS = 19;

/** An array of plain numbers. Integers beyond 2^53 are not plain. */
export class NumberList {
  /** @param isWhole none was written with a fraction or an exponent */
  constructor(
    readonly values: Float64Array,
    readonly isWhole: boolean,
  ) {}

  /** Nobody looks at the values any more. */
  release(): void {
    bufferPool.give(this.values.buffer as ArrayBuffer);
  }
}

export interface NumberArray {
  readonly list: NumberList;
  /** The place of the closing bracket. */
  readonly end: number;
}

const isSpace = (c: number | undefined): boolean => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;

/**
 * @param from the place after the opening bracket
 * @param doubles takes the indices of numbers that are whole, but written with a fraction or an exponent
 * @returns undefined when the array has anything but plain numbers in it
 */
export function readNumbers(bytes: Buffer, from: number, doubles?: number[]): NumberArray | undefined {
  const first = bytes[from]!;
  if (first !== MINUS && (first < ZERO || first > NINE)) return undefined;
  for (let i = from + 1; i < from + LEAST_BYTES; i++) if (bytes[i] === CLOSE) return undefined;
  let values = few;
  let count = 0;
  let isWhole = true;
  let at = from;
  for (;;) {
    let c = bytes[at];
    const start = at;
    const isNegative = c === MINUS;
    if (isNegative) c = bytes[++at];
    if (c === undefined || c < ZERO || c > NINE) return undefined;
    // Digits up to the first ten, and those after them; leading zeros are none.
    let leading = 0;
    let tail = 0;
    let digits = 0;
    const firstDigit = at;
    for (; c !== undefined && c >= ZERO && c <= NINE; c = bytes[++at]) {
      if (digits < LEADING_DIGITS) leading = leading * 10 + (c - ZERO);
      else if (digits < MOST_DIGITS) tail = tail * 10 + (c - ZERO);
      if (digits > 0 || c !== ZERO) digits++;
    }
    if (at - firstDigit > 1 && bytes[firstDigit] === ZERO) return undefined;
    let exponent = 0;
    let isDouble = false;
    if (c === DOT) {
      isDouble = true;
      const afterDot = ++at;
      c = bytes[at];
      for (; c !== undefined && c >= ZERO && c <= NINE; c = bytes[++at]) {
        if (digits < LEADING_DIGITS) leading = leading * 10 + (c - ZERO);
        else if (digits < MOST_DIGITS) tail = tail * 10 + (c - ZERO);
        if (digits > 0 || c !== ZERO) digits++;
      }
      if (at === afterDot) return undefined;
      exponent = afterDot - at;
    }
    if (c !== undefined && (c | 0x20) === SMALL_E) {
      isDouble = true;
      c = bytes[++at];
      const isDown = c === MINUS;
      if (isDown || c === PLUS) c = bytes[++at];
      const firstOfExponent = at;
      let written = 0;
      for (; c !== undefined && c >= ZERO && c <= NINE; c = bytes[++at])
        if (written < 1e4) written = written * 10 + (c - ZERO);
      if (at === firstOfExponent) return undefined;
      exponent += isDown ? -written : written;
    }
    const value =
      digits <= LEADING_DIGITS && exponent === 0
        ? leading
        : ((digits <= MOST_DIGITS ? toDouble(leading, tail, digits, exponent) : undefined) ??
          Math.abs(Number(bytes.toString("latin1", start, at))));
    if (isDouble) {
      isWhole = false;
      if (value === Number.POSITIVE_INFINITY) return undefined;
      if (doubles && Math.floor(value) === value) doubles.push(count);
    } else if (value > Number.MAX_SAFE_INTEGER) return undefined;
    if (count === values.length) {
      const larger = new Float64Array(bufferPool.take(16 * count), 0, 2 * count);
      larger.set(values);
      if (values !== few) bufferPool.give(values.buffer as ArrayBuffer);
      values = larger;
    }
    // An integer has no negative zero.
    values[count++] = !isNegative ? value : isDouble ? -value : 0 - value;
    while (isSpace(c)) c = bytes[++at];
    if (c === CLOSE) break;
    if (c !== COMMA) return undefined;
    c = bytes[++at];
    while (isSpace(c)) c = bytes[++at];
  }
  const list = values === few ? values.slice(0, count) : values.subarray(0, count);
  return { list: new NumberList(list, isWhole), end: at };
}

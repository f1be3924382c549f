/**
 * Doubles as RapidJSON prints them: its own digits, `.0` for whole numbers, exponents beyond 21 digits and six zeros, without `+`.
 */
import type { ByteWriter } from "./byte-writer.js";
import { digits, findDigits, lastExponent } from "./grisu.js";
import { writePadded, writeSmall, writeWhole } from "./print-integer.js";

/** No number takes more characters. */
export const LONGEST_DOUBLE = 32;
const [ZERO, POINT, MINUS] = [0x30, 0x2e, 0x2d];

function writeText(text: string, out: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function writeDigits(from: number, to: number, out: Uint8Array, at: number): number {
  let place = at;
  for (let i = from; i < to; i++) out[place++] = ZERO + digits[i]!;
  return place;
}

function writeZeros(count: number, out: Uint8Array, at: number): number {
  for (let i = 0; i < count; i++) out[at + i] = ZERO;
  return at + count;
}

const SHORT_LIMIT = 1e9;
const MILLION = 1e6;
/**
 * Half a unit in the last place is at least this fraction of a number. A hundredth is subtracted, which exceeds the error of the
 * algorithm's own bounds.
 */
const HALF_UNIT = 0.99 * 2 ** -54;
/** Splits a double into two of 26 bits (Dekker). */
const SPLITTER = 2 ** 27 + 1;

/**
 * A decimal of at most six places, such as a price or a share, has its own digits, without a search. No
 * shorter one is between its bounds, which are closer than a millionth.
 * @param value above 0, and no integer
 * @returns how many millionths, or 0 when it isn't so short or too near a bound to be sure
 */
function inMillionths(value: number): number {
  if (value >= SHORT_LIMIT) return 0;
  const scaled = value * MILLION;
  const whole = Math.floor(scaled + 0.5);
  const room = whole * HALF_UNIT;
  if (Math.abs(scaled - whole) > 4 * room) return 0;
  const wide = value * SPLITTER;
  const upper = wide - (wide - value);
  // The product itself is rounded; its two parts are exact.
  const off = whole - upper * MILLION - (value - upper) * MILLION;
  return Math.abs(off) <= room ? whole : 0;
}

function writeMillionths(whole: number, millionths: number, out: Uint8Array, at: number): number {
  let place = writeSmall(whole, out, at);
  out[place++] = POINT;
  place = writePadded(millionths - whole * MILLION, 6, out, place);
  while (out[place - 1] === ZERO) place--;
  return place;
}

/**
 * Writes a number's text.
 * @param out with room for `LONGEST_DOUBLE` at `at`
 * @returns the place after it
 */
export function writeDouble(value: number, out: Uint8Array, at: number): number {
  let place = at;
  if (!Number.isFinite(value)) return writeText(String(value), out, place);
  if (value < 0 || Object.is(value, -0)) {
    out[place++] = MINUS;
    value = -value;
  }
  if (value <= Number.MAX_SAFE_INTEGER && Math.floor(value) === value) {
    return writeText(".0", out, writeWhole(value, out, place));
  }
  const millionths = inMillionths(value);
  if (millionths > 0) return writeMillionths(Math.floor(value), millionths, out, place);
  const count = findDigits(value);
  const exponent = lastExponent();
  const point = count + exponent;
  if (exponent >= 0 && point <= 21) {
    place = writeZeros(exponent, out, writeDigits(0, count, out, place));
    return writeText(".0", out, place);
  }
  if (point > 0 && point <= 21) {
    place = writeDigits(0, point, out, place);
    out[place++] = POINT;
    return writeDigits(point, count, out, place);
  }
  if (point > -6 && point <= 0) {
    place = writeZeros(-point, out, writeText("0.", out, place));
    return writeDigits(0, count, out, place);
  }
  place = writeDigits(0, 1, out, place);
  if (count > 1) {
    out[place++] = POINT;
    place = writeDigits(1, count, out, place);
  }
  return writeText(`e${point - 1}`, out, place);
}

const single = Buffer.alloc(LONGEST_DOUBLE);
export const printDouble = (value: number): string => single.toString("latin1", 0, writeDouble(value, single, 0));

/** Writes a part of several numbers, comma-separated; few at a time, since room is made for the longest. */
export function writeDoubles(values: ArrayLike<number>, from: number, end: number, to: ByteWriter): void {
  to.reserve((end - from) * (LONGEST_DOUBLE + 1));
  const { bytes } = to;
  let { at } = to;
  for (let i = from; i < end; i++) {
    if (i > 0) bytes[at++] = 0x2c;
    at = writeDouble(values[i]!, bytes, at);
  }
  to.at = at;
}

/**
 * Doubles as RapidJSON prints them: its own digits, `.0` for whole numbers, exponents beyond 21 digits and six zeros, without `+`.
 */
import { digits, findDigits, lastExponent } from "./grisu.js";

/** No number takes more characters. */
export const LONGEST_DOUBLE = 32;
const [ZERO, POINT, MINUS] = [0x30, 0x2e, 0x2d];

/** Writes an integer of 0 to 2^31 - 1. @returns the place after it */
function writeInteger(value: number, out: Uint8Array, at: number): number {
  let length = 1;
  for (let rest = value; rest >= 10; rest = (rest / 10) | 0) length++;
  let rest = value | 0;
  for (let i = at + length - 1; i >= at; i--) {
    const next = (rest / 10) | 0;
    out[i] = ZERO + rest - next * 10;
    rest = next;
  }
  return at + length;
}

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
    place = value < 2 ** 31 ? writeInteger(value, out, place) : writeText(String(value), out, place);
    return writeText(".0", out, place);
  }
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

/** Numbers, comma-separated. */
export function printDoubles(values: ArrayLike<number>): string {
  // Pieces, so that a large tensor needs no buffer for the longest text it could have.
  const piece = Buffer.allocUnsafe(Math.min(values.length, 2048) * (LONGEST_DOUBLE + 1));
  const pieces: string[] = [];
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    if (i > 0) piece[at++] = 0x2c;
    at = writeDouble(values[i]!, piece, at);
    if (at + LONGEST_DOUBLE + 1 <= piece.length) continue;
    pieces.push(piece.toString("latin1", 0, at));
    at = 0;
  }
  return pieces.join("") + piece.toString("latin1", 0, at);
}

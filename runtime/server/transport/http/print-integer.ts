/**
 * Integers as decimal digits, written into bytes.
 */
const ZERO = 0x30;
const NINE_DIGITS = 1e9;
const [TWO16, TWO32] = [2 ** 16, 2 ** 32] as const;
/** No integer of 64 bits takes more characters. */
export const LONGEST_INTEGER = 20;

/** Writes an integer of 0 to 2^31 - 1. @returns the place after it */
export function writeSmall(value: number, out: Uint8Array, at: number): number {
  let length = 1;
  for (let rest = value; rest >= 10; rest = (rest / 10) | 0) length++;
  return writePadded(value, length, out, at);
}

/** Writes an integer with zeros before it. @returns the place after it */
export function writePadded(value: number, length: number, out: Uint8Array, at: number): number {
  let rest = value | 0;
  for (let i = at + length - 1; i >= at; i--) {
    const next = (rest / 10) | 0;
    out[i] = ZERO + rest - next * 10;
    rest = next;
  }
  return at + length;
}

/** Writes an integer of 0 to 2^53. @returns the place after it */
export function writeWhole(value: number, out: Uint8Array, at: number): number {
  if (value < 2 ** 31) return writeSmall(value, out, at);
  const upper = Math.floor(value / NINE_DIGITS);
  return writePadded(value - upper * NINE_DIGITS, 9, out, writeSmall(upper, out, at));
}

/** Writes a safe integer with its sign. @returns the place after it */
export function writeSigned(value: number, out: Uint8Array, at: number): number {
  if (value >= 0) return writeWhole(value, out, at);
  out[at] = 0x2d;
  return writeWhole(-value, out, at + 1);
}

/** Writes an integer of 64 bits. @param upper its upper half, with its sign if it has one @param lower unsigned @returns the place after it */
export function writeWide(upper: number, lower: number, out: Uint8Array, at: number): number {
  const value = upper * TWO32 + lower;
  if (Number.isSafeInteger(value)) return writeSigned(value, out, at);
  if (upper >= 0) return writeHalves(upper, lower, out, at);
  out[at] = 0x2d;
  return lower > 0 ? writeHalves(-upper - 1, TWO32 - lower, out, at + 1) : writeHalves(-upper, 0, out, at + 1);
}

/** The digits of upper × 2^32 + lower, divided by 10^9 in parts of 16 bits: no sum is above 2^46. */
function writeHalves(upper: number, lower: number, out: Uint8Array, at: number): number {
  const first = Math.floor(upper / NINE_DIGITS);
  let rest = (upper - first * NINE_DIGITS) * TWO16 + (lower >>> 16);
  const second = Math.floor(rest / NINE_DIGITS);
  rest = (rest - second * NINE_DIGITS) * TWO16 + (lower & 0xffff);
  const third = Math.floor(rest / NINE_DIGITS);
  const quotient = first * TWO32 + second * TWO16 + third;
  return writePadded(rest - third * NINE_DIGITS, 9, out, writeWhole(quotient, out, at));
}

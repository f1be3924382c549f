/**
 * Integers as decimal digits, written into bytes.
 */
const ZERO = 0x30;
const NINE_DIGITS = 1e9;
const TWO32 = 2 ** 32;
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

/**
 * Writes an integer of 64 bits. @param upper its upper half, with its sign if it has one @param lower unsigned @returns the position after
 * it
 */
export function writeWide(upper: number, lower: number, out: Uint8Array, at: number): number {
  const value = upper * TWO32 + lower;
  if (Number.isSafeInteger(value)) return writeSigned(value, out, at);
  const text = String((BigInt(upper) << 32n) + BigInt(lower));
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
}

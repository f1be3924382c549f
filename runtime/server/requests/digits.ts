/**
 * Whole numbers as decimal digits in memory, four at a time. Each function writes from `at` on, and returns the offset behind its last byte;
 * up to three bytes more are overwritten.
 */

const GROUP = 10_000;
const ZERO = 48;
/** The four digits of each number below 10,000, as the bytes of a little-endian word. */
const FOUR = Uint32Array.from({ length: GROUP }, (_, n) => {
  const digit = (power: number): number => ZERO + (Math.floor(n / power) % 10);
  return digit(1000) | (digit(100) << 8) | (digit(10) << 16) | (digit(1) << 24);
});
/** Integers below this are divided by a multiplication. */
export const SMALL = 2 ** 31;

/** Writes an integer from 0 below `SMALL`. */
export function writeSmall(view: DataView, at: number, value: number): number {
  if (value < GROUP) return writeFirst(view, at, value);
  const high = (value / GROUP) | 0;
  const low = value - GROUP * high;
  if (high < GROUP) {
    const next = writeFirst(view, at, high);
    view.setUint32(next, FOUR[low]!, true);
    return next + 4;
  }
  const higher = (high / GROUP) | 0;
  const next = writeFirst(view, at, higher);
  view.setUint32(next, FOUR[high - GROUP * higher]!, true);
  view.setUint32(next + 4, FOUR[low]!, true);
  return next + 8;
}

/** Writes an integer below a million as six digits, zeros in front. */
export function writeSix(view: DataView, at: number, value: number): number {
  const high = (value / 100) | 0;
  view.setUint32(at, FOUR[high]!, true);
  // Its two last digits.
  view.setUint32(at + 4, FOUR[value - 100 * high]! >>> 16, true);
  return at + 6;
}

/** Writes a number below 10,000 without zeros in front. */
function writeFirst(view: DataView, at: number, value: number): number {
  const zeros = value < 10 ? 3 : value < 100 ? 2 : value < 1000 ? 1 : 0;
  view.setUint32(at, FOUR[value]! >>> (8 * zeros), true);
  return at + 4 - zeros;
}

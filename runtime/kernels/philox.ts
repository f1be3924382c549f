/**
 * Philox4x32-10: key and counter → 128 random bits. Counter based: the same place of the same row always draws the same number, whatever
 * else is in the batch.
 */
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** @param counter four words, replaced by the result */
export function philox(counter: Uint32Array, key0: number, key1: number): void {
  let c0 = counter[0]! | 0;
  let c1 = counter[1]! | 0;
  let c2 = counter[2]! | 0;
  let c3 = counter[3]! | 0;
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < 10; round++) {
    const hi0 = mulHigh(c0, M0 & 0xffff, M0 >>> 16);
    const lo0 = Math.imul(M0, c0);
    const hi1 = mulHigh(c2, M1 & 0xffff, M1 >>> 16);
    const lo1 = Math.imul(M1, c2);
    c0 = hi1 ^ c1 ^ k0;
    c1 = lo1;
    c2 = hi0 ^ c3 ^ k1;
    c3 = lo0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  counter[0] = c0;
  counter[1] = c1;
  counter[2] = c2;
  counter[3] = c3;
}

/** High word of the product of a word and two halves of another: by halves, whose products and the sums here never leave 32 bits. */
function mulHigh(a: number, bLow: number, bHigh: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) >>> 0;
  const cross = (Math.imul(aLow, bHigh) + (middle & 0xffff)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** A number strictly between 0 and 1, of 52 random bits. */
export const uniform = (word0: number, word1: number): number =>
  ((word0 >>> 6) * 2 ** 26 + (word1 >>> 6) + 0.5) / 2 ** 52;

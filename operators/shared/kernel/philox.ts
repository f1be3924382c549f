/**
 * Philox4x32-10: key and counter → 128 random bits, of which 64 are used. Counter based: the same place of the same row always draws the
 * same number, whatever else is in the batch.
 */
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/**
 * Words 0 and 1 for the counters (i, c1, c2, 0), i = 0, 1, …: words `2 i` and `2 i + 1` of `to`.
 * The products that all of them share are computed once, and those of the last rounds that only words 2 and 3 need are omitted.
 * @param count of counters; `to` holds at least twice as many
 */
export function philoxRun(to: Int32Array, count: number, c1: number, c2: number, key0: number, key1: number): void {
  // The first round makes words 0 and 1 independent of the position, and the second words 2 and 3 in part.
  const first0 = mulHigh(c2, M1 & 0xffff, M1 >>> 16) ^ c1 ^ key0;
  const first1 = Math.imul(M1, c2);
  const second2 = mulHigh(first0, M0 & 0xffff, M0 >>> 16);
  const second3 = Math.imul(M0, first0);
  const k0 = (key0 + W0) | 0;
  const k1 = (key1 + W1) | 0;
  for (let i = 0; i < count; i++) {
    const first2 = mulHigh(i, M0 & 0xffff, M0 >>> 16) ^ key1;
    let w0 = mulHigh(first2, M1 & 0xffff, M1 >>> 16) ^ first1 ^ k0;
    let w1 = Math.imul(M1, first2);
    let w2 = second2 ^ Math.imul(M0, i) ^ k1;
    let w3 = second3;
    let r0 = k0;
    let r1 = k1;
    for (let round = 3; round < 10; round++) {
      r0 = (r0 + W0) | 0;
      r1 = (r1 + W1) | 0;
      const hi0 = mulHigh(w0, M0 & 0xffff, M0 >>> 16);
      const lo0 = Math.imul(M0, w0);
      w0 = mulHigh(w2, M1 & 0xffff, M1 >>> 16) ^ w1 ^ r0;
      w1 = Math.imul(M1, w2);
      w2 = hi0 ^ w3 ^ r1;
      w3 = lo0;
    }
    to[2 * i] = mulHigh(w2, M1 & 0xffff, M1 >>> 16) ^ w1 ^ (r0 + W0);
    to[2 * i + 1] = Math.imul(M1, w2);
  }
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

/** Sets of positions: a bit each, the lowest of a byte first. */

/** @returns bytes of a set, a multiple of four, so that words can be read */
const bytesFor = (positions: number): number => Math.ceil(positions / 32) * 4;

export const noBits = (positions: number): Uint8Array =>
  new Uint8Array(new ArrayBuffer(bytesFor(positions)), 0, Math.ceil(positions / 8));

const wordsOf = ({ buffer }: Uint8Array): Uint32Array => new Uint32Array(buffer);

/** Sets of the same number of positions, made by `noBits` → those in all of them. */
export function intersection(sets: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = sets as readonly [Uint8Array, ...Uint8Array[]];
  if (others.length === 0) return first;
  const all = new Uint32Array(wordsOf(first));
  for (const other of others) {
    const words = wordsOf(other);
    for (let i = 0; i < all.length; i++) all[i]! &= words[i]!;
  }
  return new Uint8Array(all.buffer, 0, first.length);
}

export function countBits(set: Uint8Array): number {
  const words = wordsOf(set);
  let count = 0;
  for (let i = 0; i < words.length; i++) {
    let word = words[i]!;
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    count += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return count;
}

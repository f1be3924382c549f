/**
 * Numbers that a seed decides (mulberry32 over a hash of the seed): for mocks and faults that must be the same in every run. No secret may depend on them.
 */
export interface Random {
  /** In [0, 1), from 32 bits. */
  next(): number;
}

/** @param seed numbers, texts and bytes: equal ones give equal sequences */
export function createRandom(...seed: readonly (number | bigint | string | Uint8Array)[]): Random {
  let state = seed.reduce<number>((hash, part) => mix(hash, part), 0x811c9dc5);
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0;
      let z = Math.imul(state ^ (state >>> 15), 1 | state);
      z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
      return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}

/** FNV-1a, with a mark between parts. */
function mix(hash: number, part: number | bigint | string | Uint8Array): number {
  const bytes = part instanceof Uint8Array ? part : Buffer.from(String(part));
  let h = hash;
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  return Math.imul(h ^ 0xff, 0x01000193);
}

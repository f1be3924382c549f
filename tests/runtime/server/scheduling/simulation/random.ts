/**
 * Numbers from a seed, the same on every machine.
 */
export interface Random {
  /** A whole number from 0 to below `n`. */
  below(n: number): number;
}

/** xorshift32 */
export function randomFrom(seed: number): Random {
  let state = (Math.imul(seed + 1, 0x9e3779b9) ^ 0x5bd1e995) >>> 0 || 1;
  return {
    below(n) {
      state ^= state << 13;
      state >>>= 0;
      state ^= state >>> 17;
      state ^= state << 5;
      state >>>= 0;
      return Math.floor((state / 2 ** 32) * n);
    },
  };
}

/**
 * Seeds for requests that name none: random, or, with a seed of the server, a repeatable sequence (SplitMix64).
 */
import { randomBytes } from "node:crypto";

const MASK = 2n ** 64n - 1n;

export function createSeeds(seed: bigint | undefined): () => bigint {
  if (seed === undefined) return () => randomBytes(8).readBigUInt64LE();
  let state = seed & MASK;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return z ^ (z >> 31n);
  };
}

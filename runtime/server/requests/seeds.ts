/**
 * Seeds for requests that name none: random, or, with a seed of the server, a repeatable sequence (SplitMix64).
 */
const MASK = 2n ** 64n - 1n;

export function createSeeds(seed: bigint | undefined): () => bigint {
  if (seed === undefined) return randomSeeds();
  let state = seed & MASK;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return z ^ (z >> 31n);
  };
}

/** Many at once: the system's generator costs a request more than its sampling does. */
function randomSeeds(): () => bigint {
  let drawn = new BigUint64Array(0);
  let next = 0;
  return () => {
    if (next === drawn.length) {
      drawn = crypto.getRandomValues(new BigUint64Array(512));
      next = 0;
    }
    return drawn[next++]!;
  };
}

/**
 * Random numbers from counters: (seed, stream, index) → a number in [0, 1). No state is shared, so what one user does
 * never depends on how many other users were generated before.
 */

/** A sequence of its own: each call of `next` takes one number from it. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, n). */
  below(n: number): number;
  /** Standard normal. */
  normal(): number;
  /** Number of failures before the first success: 0, 1, 2, … with the given mean. */
  geometric(mean: number): number;
  /** 32 bits. */
  bits(): number;
}

/** The sequence of a seed and a name: `random(7, "user", 12)`. */
export function random(seed: number, ...stream: readonly (string | number)[]): Random {
  const key = stream.reduce<number>(
    (hash, part) => mix(hash ^ (typeof part === "number" ? part : hashText(part))),
    mix(seed),
  );
  let counter = 0;
  // The golden ratio's bits spread consecutive counters over all 32 bits before mixing.
  const bits = () => mix(key ^ Math.imul(++counter, 0x9e3779b9));
  const next = () => (bits() * 2097152 + (bits() >>> 11)) / 9007199254740992;
  return {
    bits,
    next,
    below: n => Math.floor(next() * n),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    geometric: mean => Math.floor(Math.log(1 - next()) / Math.log(mean / (1 + mean))),
  };
}

/** Index drawn in proportion to the weights whose running sums are given. */
export function pick(cumulative: Float64Array, rng: Random): number {
  const at = rng.next() * cumulative[cumulative.length - 1]!;
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Running sums of weights, for `pick`. */
export function cumulate(weights: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(weights.length);
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sums[i] = sum += weights[i]!;
  return sums;
}

/** The finalizer of MurmurHash3: every input bit changes every output bit with probability near one half. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** Small worlds whose values are known by enumeration: every ordered list, with its probability under a Plackett–Luce policy. */

export interface World {
  /** Items in the order shown, and the probability of the list. */
  readonly lists: readonly {
    readonly items: readonly number[];
    readonly steps: readonly number[];
    readonly probability: number;
  }[];
}

/** Lists of `length` drawn without replacement with probabilities proportional to `weights`. */
export function everyList(weights: readonly number[], length: number): World["lists"] {
  const lists: { items: number[]; steps: number[]; probability: number }[] = [];
  const extend = (items: number[], steps: number[], probability: number) => {
    if (items.length === length) return void lists.push({ items, steps, probability });
    const left = weights.reduce((total, weight, item) => (items.includes(item) ? total : total + weight), 0);
    for (const [item, weight] of weights.entries()) {
      if (items.includes(item)) continue;
      extend([...items, item], [...steps, weight / left], (probability * weight) / left);
    }
  };
  extend([], [], 1);
  return lists;
}

/** Probability of each item at each position, whatever is above it [position][item]. */
export const marginals = (lists: World["lists"], items: number, length: number): number[][] =>
  Array.from({ length }, (_, k) =>
    Array.from({ length: items }, (_, item) =>
      lists.reduce((total, list) => total + (list.items[k] === item ? list.probability : 0), 0),
    ),
  );

/** Numbers in [0, 1) that repeat (mulberry32). */
export function repeatable(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param u from 0 to 1 @returns a place, with a probability in proportion to its weight */
export function draw(weights: readonly number[], u: number): number {
  let left = u * weights.reduce((total, weight) => total + weight, 0);
  for (const [place, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return place;
  }
  return weights.length - 1;
}

/**
 * A draw without replacement that takes some positions uniformly and the others by another rule. O(n + k) beside the other rule's own cost.
 */
import { int32s } from "../../../runtime/base/columns/short-arrays.js";
import type { UniformShare } from "../spec/facts.js";
import { uniform as number } from "./philox.js";
import { shareOf } from "./uniform-chance.js";

/** Counters of random words for each position: the decision, the uniform place, the other rule's own. */
export const COUNTERS = 3;

/**
 * The next place by the other rule. @param isTaken uint8[count] @param chance strictly between 0 and 1
 */
export type NextPlace = (isTaken: Uint8Array, chance: number) => number;

/**
 * @param positions of the list, at most `count`
 * @param words two for each counter, {@link COUNTERS} counters for each position
 * @returns places of the list, first position first
 */
export function mixedDraw(
  uniform: UniformShare,
  count: number,
  positions: number,
  words: Int32Array,
  next: NextPlace,
): Int32Array {
  const chanceAt = (counter: number): number => number(words[2 * counter]!, words[2 * counter + 1]!);
  const chosen = int32s(positions);
  const isTaken = new Uint8Array(count);
  // Places that are left are in `open[0 … left − 1]`, and `at` has the index of each in it.
  const [open, at] = [int32s(count), int32s(count)];
  for (let i = 0; i < count; i++) open[i] = at[i] = i;
  const isWholeUniform = uniform.per === "list" && positions > 0 && chanceAt(0) < uniform.epsilon;
  for (let j = 0; j < positions; j++) {
    const left = count - j;
    const isUniform = uniform.per === "list" ? isWholeUniform : chanceAt(COUNTERS * j) < shareOf(uniform, left);
    const place = isUniform
      ? open[Math.floor(chanceAt(COUNTERS * j + 1) * left)]!
      : next(isTaken, chanceAt(COUNTERS * j + 2));
    chosen[j] = place;
    isTaken[place] = 1;
    const last = open[left - 1]!;
    open[at[place]!] = last;
    at[last] = at[place]!;
  }
  return chosen;
}

/**
 * Scores of one user's candidates, and random words of each → the k largest of T·s − ln(−ln u), largest first. This is a draw without
 * replacement with weights exp(T·s). Logarithms are taken only for candidates that may yet be among the k.
 */
import { int32s } from "../../runtime/base/columns/short-arrays.js";
import { keepLargest } from "../shared/kernel/keep-largest.js";
import { uniform } from "../shared/kernel/philox.js";
import { logWeight } from "../shared/kernel/plackett-luce.js";

/** Up to here a place among the k is found by moving the others; beyond, all keys are made and sorted. */
const FEW = 256;

/**
 * @param scores of the candidates in places 0 … count − 1 @param words two of each candidate
 * @param keys memory for as many numbers as there are candidates
 * @returns their places; equal keys keep their order
 */
export function gumbelRace(
  scores: Float64Array,
  words: Int32Array,
  count: number,
  { topk, temperature }: { readonly topk: number; readonly temperature: number },
  keys: Float64Array,
): Int32Array {
  if (topk > FEW) {
    for (let i = 0; i < count; i++) {
      const u = uniform(words[2 * i]!, words[2 * i + 1]!);
      keys[i] = logWeight(temperature, scores[i]!) - Math.log(-Math.log(u));
    }
    return keepLargest(keys, 0, count, topk);
  }
  const kept = int32s(Math.min(topk, count));
  let held = 0;
  for (let i = 0; i < count; i++) {
    const weight = logWeight(temperature, scores[i]!);
    const u = uniform(words[2 * i]!, words[2 * i + 1]!);
    if (held === kept.length && isBehind(weight, u, keys[held - 1]!)) continue;
    const key = weight - Math.log(-Math.log(u));
    if (held === kept.length && !(key > keys[held - 1]!)) continue;
    let at = held < kept.length ? held++ : held - 1;
    for (; at > 0 && key > keys[at - 1]!; at--) {
      keys[at] = keys[at - 1]!;
      kept[at] = kept[at - 1]!;
    }
    keys[at] = key;
    kept[at] = i;
  }
  return kept;
}

/**
 * Whether the key is certainly not above `least`, without a logarithm. Since −ln u ≥ 1 − u, the noise is at most −ln(1 − u). That is below
 * `lead` if (1 − u) · exp(lead) > 1, and exp is above the start of its series. The margin is for the rounding of logarithms.
 */
function isBehind(weight: number, u: number, least: number): boolean {
  const lead = least - weight;
  return lead > 0 && (1 - u) * (1 + lead * (1 + lead * (1 / 2 + lead / 6))) > 1.000001;
}

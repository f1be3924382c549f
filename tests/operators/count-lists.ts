/** A million draws of one user's candidates, each with other ids: how often each list is drawn, and its logged probability. */
import type { OpParamsInput } from "#contract/op-params.js";
import { type Column, childRows, rootRows } from "#runtime/base/columns/table.js";
import { column, context, prepare } from "./step.js";

const USERS = 50_000;
const RUNS = 20;

export interface DrawnList {
  readonly places: readonly number[];
  readonly count: number;
  /** `list_propensity` of the drawn lists. */
  readonly probability: number;
  /** `propensity` of each position. */
  readonly each: readonly number[];
}

/** @param scores of the candidates; a list has at most three positions @returns the lists that were drawn, of a million draws */
export async function countLists<K extends "softmaxSampling" | "epsilonGreedy">(
  op: K,
  params: OpParamsInput[K],
  scores: readonly number[],
): Promise<readonly DrawnList[]> {
  const rows = { rows: "s1" };
  const kernel = await prepare(op, {
    params: { ...params, propensity: true },
    inputs: { input: ["item_id"], relevance: ["score"] },
    outputs: [
      column("ordered_ids", "int32", rows),
      ...["ordered_scores", "propensity", "list_propensity"].map(name => column(name, "float64", rows)),
    ],
  });
  const n = scores.length;
  const topk = params.topk!;
  const below = childRows(
    rootRows(USERS),
    Int32Array.from({ length: USERS + 1 }, (_, user) => n * user),
  );
  const values = new Float64Array(n * USERS).map((_, i) => scores[i % n]!);
  const relevance: Column[] = [{ dtype: "float64", rows: below, values }];
  const found = new Map<string, { places: number[]; count: number; probability: number; each: number[] }>();
  for (let run = 0; run < RUNS; run++) {
    // A draw depends on the ids, so users with other ids draw independently.
    const ids = new Int32Array(n * USERS).map((_, i) => n * USERS * run + i);
    const made = kernel.run({ input: [{ dtype: "int32", rows: below, values: ids }], relevance }, context(11n));
    const [drawn, , each, list] = (made as readonly Column[]).map(col => col.values as Float64Array);
    for (let at = 0; at < drawn!.length; at += topk) {
      const places = Array.from(drawn!.subarray(at, at + topk), id => id % n);
      const key = places.join();
      const one = found.get(key);
      if (one) one.count++;
      else found.set(key, { places, count: 1, probability: list![at]!, each: [...each!.subarray(at, at + topk)] });
    }
  }
  return [...found.values()];
}

/** Σ (seen − expected)² / expected over a million draws. */
export const chiSquare = (lists: readonly DrawnList[]): number =>
  lists.reduce((sum, { count, probability }) => sum + (count - 1e6 * probability) ** 2 / (1e6 * probability), 0);

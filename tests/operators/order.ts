/** Orders candidates by one of the operators that do, and the cases at the edge that they share. */
import { describe, expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { candidates, column, context, grouped, type Item, prepare, scalars, vectors } from "./step.js";

type Ordering = "topK" | "limitPerGroup" | "diversify" | "epsilonGreedy";
type Extra = { readonly group?: readonly (readonly Item[])[]; readonly embedding?: readonly (readonly number[][])[] };

/** Orders candidates by an operator; one list per user. */
export async function order<K extends Ordering>(
  op: K,
  params: OpParamsInput[K],
  ids: readonly (readonly number[])[],
  scores: readonly (readonly (number | null)[])[],
  { group, embedding }: Extra = {},
) {
  const kernel = await prepare(op, {
    params,
    inputs: {
      input: ["item_id"],
      relevance: ["score"],
      ...(group && { group: ["brand"] }),
      ...(embedding && { embedding: ["vector"] }),
    },
    outputs: [column("ordered_ids", "int64", { rows: "s1" }), column("ordered_scores", "float32", { rows: "s1" })],
  });
  const items = candidates("int64", ids);
  const width = embedding?.flat()[0]?.length ?? 1;
  const made = await kernel.run(
    {
      input: [items],
      relevance: [scalars("float32", scores.flat(), items.rows)],
      ...(group && { group: [scalars("string", group.flat(), items.rows)] }),
      ...(embedding && { embedding: [vectors("float32", embedding.flat(), width, items.rows)] }),
    },
    context(),
  );
  return grouped(made[0]!).map(list => list.map(Number));
}

export function testOrderingEdges(op: Ordering): void {
  describe("at the edge", () => {
    const { POSITIVE_INFINITY: most, NEGATIVE_INFINITY: least } = Number;
    /** Groups and vectors that leave the order to the scores. */
    const ask = (ids: number[][], scores: (number | null)[][], topk: number) =>
      order(
        op,
        { topk, ...(op === "diversify" && { balance: 1 }), ...(op === "epsilonGreedy" && { epsilon: 0 }) } as never,
        ids,
        scores,
        {
          ...(op === "limitPerGroup" && { group: ids.map(list => list.map(String)) }),
          ...(op === "diversify" && { embedding: ids.map(list => list.map(() => [1, 0])) }),
        },
      );
    test("no candidates, fewer than k, doubles", async () => {
      expect(await ask([[], []], [[], []], 3)).toEqual([[], []]);
      expect(await ask([[], [4]], [[], [1]], 1000)).toEqual([[], [4]]);
      expect(await ask([[5, 5, 6]], [[1, 3, 2]], 9)).toEqual([[5, 6, 5]]);
    });
    test("NaN names the candidate and its user; an infinite score is first or last, or can't be weighed", async () => {
      await expect(ask([[1], [7, 8]], [[1], [1, null]], 2)).rejects.toThrow(
        "column `score` has no score for candidate 1 (`item_id` 8) of row 1",
      );
      const infinite = ask([[1, 2, 3]], [[least, 0, most]], 3);
      if (op === "diversify")
        await expect(infinite).rejects.toThrow("column `score` holds -Infinity for candidate 0 (`item_id` 1) of row 0");
      else expect(await infinite).toEqual([[3, 2, 1]]);
    });
  });
}

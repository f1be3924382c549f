// Scores and embeddings of 16 bits are numbers for every step that orders, mixes or changes them, and not their stored bits.
import { describe, expect, test } from "vitest";
import type { OpKind, OpParamsInput } from "#contract/op-params.js";
import type { Column } from "#runtime/base/columns/table.js";
import { fromBfloats, fromHalves, toBfloats, toHalves } from "#triton-protos/float16.js";
import { candidates, column, context, grouped, plain, run } from "./step.js";

const HALVES = { float16: [toHalves, fromHalves], bfloat16: [toBfloats, fromBfloats] } as const;

describe.each(["float16", "bfloat16"] as const)("%s", dtype => {
  const [encode, decode] = HALVES[dtype];
  const ids = candidates("int64", [[1, 2, 3], [4]]);
  const halves = (numbers: readonly number[], shape: Partial<Column> = {}): Column => ({
    ...{ dtype, rows: ids.rows, values: encode(numbers) },
    ...shape,
  });
  const score = halves([-2, 1.5, -0.25, -8]);
  const order = async <K extends OpKind>(
    op: K,
    params: OpParamsInput[K],
    more: Record<string, readonly Column[]> = {},
  ) => {
    const names = { input: ["id"], relevance: ["score"], ...Object.fromEntries(Object.keys(more).map(p => [p, [p]])) };
    const outputs = [column("ordered_ids", "int64", { rows: "s1" }), column("ordered_scores", dtype, { rows: "s1" })];
    const made = await run(op, { params, inputs: names, outputs }, { input: [ids], relevance: [score], ...more });
    expect([...decode(made[1]!.values as Uint16Array)].slice(-1)).toEqual([-8]);
    return grouped(made[0]!).map(list => list.map(Number));
  };
  test("ordering", async () => {
    const best = [[2, 3, 1], [4]];
    expect(await order("topK", { topk: 3 })).toEqual(best);
    expect(await order("softmaxSampling", { mode: "greedy" })).toEqual(best);
    expect(await order("softmaxSampling", { temperature: 1000 })).toEqual(best);
    expect(await order("limitPerGroup", { topk: 3 }, { group: [ids] })).toEqual(best);
    const embedding = [halves([1, 0, -1, 0, 1, 0, 0, 1], { width: 2 })];
    // Candidates 1 and 3 are twins, and 2 is their opposite.
    expect(await order("diversify", { topk: 2, balance: 0.4 }, { embedding })).toEqual([[2, 3], [4]]);
    expect(await order("diversify", { topk: 3, balance: 1 }, { embedding })).toEqual(best);
  });
  test("no number", async () => {
    const gap = halves([1, Number.NaN, 2, 3]);
    const names = { input: ["id"], relevance: ["score"] };
    await expect(
      run("topK", { params: {}, inputs: names, outputs: [] }, { input: [ids], relevance: [gap] }, context()),
    ).rejects.toThrow("column `score` has no score for candidate 1 (`id` 2) of row 0");
  });
  test("mixing and boosting", async () => {
    const mixed = await run(
      "mixScores",
      {
        params: { weights: { score: 2 } },
        inputs: { input: ["score"] },
        outputs: [column("mixed_score", "float32", { rows: "r" })],
      },
      { input: [score] },
    );
    expect(plain(mixed[0]!)).toEqual([-4, 3, -0.5, -16]);
    const condition = { call: "greater" as const, args: [{ column: "id" }, { number: 1 }] };
    const boosted = await run(
      "boost",
      {
        params: { text: "id > 1", condition, score: "score", multiply: 2, add: 1 },
        inputs: { input: ["id", "score"] },
        outputs: [column("id", "int64", { rows: "r" }), column("score", dtype, { rows: "r" })],
      },
      { input: [ids, score] },
    );
    expect(boosted[1]!.dtype).toBe(dtype);
    expect([...decode(boosted[1]!.values as Uint16Array)]).toEqual([-2, 4, 0.5, -15]);
  });
});

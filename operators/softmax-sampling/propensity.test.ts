// The columns `propensity` and `list_propensity` of the kernel: against a million draws, enumeration, and rows one by one.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { propensities } from "#operators/shared/kernel/plackett-luce.js";
import { type Column, childRows, rootRows } from "#runtime/base/columns/table.js";
import { candidates, column, context, grouped, prepare, scalars } from "../../tests/operators/step.js";

const outputs = [
  column("ordered_ids", "int64", { rows: "s1" }),
  column("ordered_scores", "float64", { rows: "s1" }),
  column("propensity", "float64", { rows: "s1" }),
  column("list_propensity", "float64", { rows: "s1" }),
];

async function ordering<K extends "softmaxSampling" | "topK">(op: K, params: OpParamsInput[K]) {
  const kernel = await prepare(op, { params, inputs: { input: ["item_id"], relevance: ["score"] }, outputs });
  return (ids: readonly (readonly number[])[], scores: readonly (readonly (number | null)[])[], seed = 0n) => {
    const items = candidates("int64", ids, rootRows(ids.length));
    const given = { input: [items], relevance: [scalars("float64", scores.flat(), items.rows)] } as const;
    const made = kernel.run(given, context(seed)) as readonly Column[];
    expect(made.map(({ dtype }) => dtype)).toEqual(["int64", "float64", "float64", "float64"]);
    const [chosen, , each, list] = made.map(grouped) as [bigint[][], unknown, number[][], number[][]];
    return { chosen: chosen.map(own => own.map(Number)), each, list };
  };
}

test("a million draws: each ordered list as often as its probability says", async () => {
  const scores = [0.4, 1.2, -0.3, 0.9];
  const kernel = await prepare("softmaxSampling", {
    params: { topk: 3, temperature: 1.5, propensity: true },
    inputs: { input: ["item_id"], relevance: ["score"] },
    outputs: [column("ordered_ids", "int32", { rows: "s1" }), ...outputs.slice(1)],
  });
  const users = 50_000;
  const below = childRows(
    rootRows(users),
    Int32Array.from({ length: users + 1 }, (_, user) => 4 * user),
  );
  const score: Column = {
    dtype: "float64",
    rows: below,
    values: new Float64Array(4 * users).map((_, i) => scores[i % 4]!),
  };
  const seen = new Int32Array(64);
  const probability = new Float64Array(64);
  for (let run = 0; run < 20; run++) {
    // A draw depends on the ids, so users with other ids draw independently.
    const values = new Int32Array(4 * users).map((_, i) => 4 * users * run + i);
    const made = kernel.run({ input: [{ dtype: "int32", rows: below, values }], relevance: [score] }, context(11n));
    const [ids, , , list] = (made as readonly Column[]).map(col => col.values) as [
      Int32Array,
      unknown,
      unknown,
      Float64Array,
    ];
    for (let at = 0; at < ids.length; at += 3) {
      const cell = 16 * (ids[at]! % 4) + 4 * (ids[at + 1]! % 4) + (ids[at + 2]! % 4);
      seen[cell]!++;
      probability[cell] = list[at]!;
    }
  }
  const cells = [...seen.entries()].filter(([, count]) => count > 0);
  expect(cells).toHaveLength(24);
  expect(probability.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  const expected = (cell: number) => 1e6 * probability[cell]!;
  const square = cells.reduce((sum, [cell, count]) => sum + (count - expected(cell)) ** 2 / expected(cell), 0);
  // 99.9 % point of chi-square with 23 degrees of freedom.
  expect(square).toBeLessThan(49.73);
});

const score = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: -3, max: 3, noNaN: true }) },
  fc.double({ noNaN: true }),
  fc.constantFrom(0, 1, 1e6, -1e6, 1e308, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);
const temperature = fc.constantFrom(0, 1, 20, -4, 1e-8, 1e6);

test("a drawn list has the formula's probabilities, whatever the scores; a batch answers what its rows answer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(score, { maxLength: 8 }), { maxLength: 5 }),
      temperature,
      fc.integer({ min: 1, max: 10 }),
      fc.bigInt({ min: 0n, max: 2n ** 63n }),
      async (scores, t, topk, seed) => {
        const draw = await ordering("softmaxSampling", { topk, temperature: t, propensity: true });
        const ids = scores.map(own => own.map((_, i) => i));
        const all = draw(ids, scores, seed);
        const single = scores.map((own, user) => draw([ids[user]!], [own], seed));
        expect(all).toEqual({
          chosen: single.flatMap(one => one.chosen),
          each: single.flatMap(one => one.each),
          list: single.flatMap(one => one.list),
        });
        for (const [user, own] of scores.entries()) {
          const places = all.chosen[user]!;
          const out = new Float64Array(places.length);
          const log = propensities(Float64Array.from(own), own.length, places, t, out);
          expect(all.each[user]).toEqual([...out]);
          expect(all.list[user]).toEqual(places.map(() => Math.exp(log)));
        }
      },
    ),
    { numRuns: 150 },
  );
});

test.each([
  ["softmaxSampling", { topk: 2, mode: "greedy", propensity: true }],
  ["topK", { topk: 2, propensity: true }],
] as const)("%s without chance: 1 everywhere; no candidates have no propensities", async (op, params) => {
  const order = await ordering(op, params);
  expect(order([[1, 2, 3], [], [4]], [[0, 5, 5], [], [1]])).toEqual({
    chosen: [[2, 3], [], [4]],
    each: [[1, 1], [], [1]],
    list: [[1, 1], [], [1]],
  });
});

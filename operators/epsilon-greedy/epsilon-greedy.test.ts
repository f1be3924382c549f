// Draws against their own probabilities, seeds, batches, and the cases at the edge that all orderings share.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { drawPropensities } from "#operators/shared/kernel/draw-propensities.js";
import type { Column } from "#runtime/base/columns/table.js";
import { chiSquare, countLists } from "../../tests/operators/count-lists.js";
import { testOrderingEdges } from "../../tests/operators/order.js";
import { candidates, column, context, grouped, prepare, scalars } from "../../tests/operators/step.js";

type Params = OpParamsInput["epsilonGreedy"];

async function drawing(params: Params, id = "s1") {
  const kernel = await prepare("epsilonGreedy", {
    id,
    params: { ...params, propensity: true },
    inputs: { input: ["item_id"], relevance: ["score"] },
    outputs: ["ordered_ids", "ordered_scores", "propensity", "list_propensity"].map((name, i) =>
      column(name, i === 0 ? "int64" : "float64", { rows: id }),
    ),
  });
  return (ids: readonly (readonly number[])[], scores: readonly (readonly (number | null)[])[], run = context()) => {
    const items = candidates("int64", ids);
    const given = { input: [items], relevance: [scalars("float64", scores.flat(), items.rows)] } as const;
    const [chosen, , each, list] = (kernel.run(given, run) as readonly Column[]).map(grouped);
    return { chosen: (chosen as bigint[][]).map(own => own.map(Number)), each, list } as {
      chosen: number[][];
      each: number[][];
      list: number[][];
    };
  };
}

testOrderingEdges("epsilonGreedy");

describe("a million draws: each list as often as its probability says", () => {
  const scores = [0.4, 1.2, -0.3, 0.9];
  // 24 lists: 99.9 % point of chi-square with 23 degrees of freedom.
  test.each<[string, Params]>([
    ["each position", { topk: 3, epsilon: 0.3 }],
    ["each position, with a floor", { topk: 3, epsilon: 0.1, minPropensity: 0.08 }],
    ["the whole list", { topk: 3, epsilon: 0.3, per: "list" }],
  ])(
    "%s",
    async (_, params) => {
      const lists = await countLists("epsilonGreedy", params, scores);
      expect(lists).toHaveLength(24);
      expect(lists.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
      expect(chiSquare(lists)).toBeLessThan(49.73);
    },
    60_000,
  );
});

test("the columns are the formula's for the list, whatever the scores; a batch answers what its rows answer", async () => {
  const score = fc.oneof(
    fc.double({ min: -3, max: 3, noNaN: true }),
    fc.constantFrom(0, 1, 1e308, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(score, { maxLength: 8 }), { maxLength: 5 }),
      fc.constantFrom<Params>({ epsilon: 0.5 }, { epsilon: 1, per: "list" }, { epsilon: 0, minPropensity: 0.1 }),
      fc.integer({ min: 1, max: 10 }),
      fc.bigInt({ min: 0n, max: 2n ** 63n }),
      async (scores, { epsilon = 0, per = "position", minPropensity: least = 0 }, topk, seed) => {
        const draw = await drawing({ topk, epsilon, per, ...(least > 0 && { minPropensity: least }) });
        const ids = scores.map(own => own.map((_, i) => i));
        const all = draw(ids, scores, context(seed));
        const single = scores.map((own, user) => draw([ids[user]!], [own], context(seed)));
        expect(all.chosen).toEqual(single.flatMap(one => one.chosen));
        expect(all.list).toEqual(single.flatMap(one => one.list));
        for (const [user, own] of scores.entries()) {
          const places = all.chosen[user]!;
          expect(new Set(places).size).toBe(Math.min(topk, own.length));
          const out = new Float64Array(places.length);
          const log = drawPropensities(
            { uniform: { epsilon, least, per } },
            Float64Array.from(own),
            own.length,
            places,
            out,
          );
          expect(all.each[user]).toEqual([...out]);
          expect(all.list[user]).toEqual(places.map(() => Math.exp(log)));
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("the request's seed precedes the author's, and each step draws its own", async () => {
  const ids = [Array.from({ length: 50 }, (_, i) => i)];
  const scores = [ids[0]!.map(() => 0)];
  const params = { topk: 10, epsilon: 1 };
  const [open, fixed] = [await drawing(params), await drawing({ ...params, seed: 5 })];
  expect(open(ids, scores, context(5n))).toEqual(fixed(ids, scores, context(99n)));
  expect(open(ids, scores, context(5n))).not.toEqual(open(ids, scores, context(6n)));
  expect(fixed(ids, scores, context(7n, new Map([["seed", 7n]])))).toEqual(open(ids, scores, context(7n)));
  expect((await drawing(params, "other"))(ids, scores, context(5n))).not.toEqual(open(ids, scores, context(5n)));
});

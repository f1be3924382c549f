// Draws against their own probabilities, seeds, batches, and values that have no meaning.
import { expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { type Column, childRows, rootRows } from "#runtime/base/columns/table.js";
import { candidates, column, context, grouped, prepare, scalars } from "../../tests/operators/step.js";

async function sampler(params: OpParamsInput["thompsonSampling"], id = "s1") {
  const names = ["ordered_ids", "ordered_scores", ...(params.propensity ? ["propensity", "list_propensity"] : [])];
  const kernel = await prepare("thompsonSampling", {
    id,
    params,
    inputs: { input: ["item_id"], relevance: ["mean"], variance: ["variance"] },
    outputs: names.map((name, i) => column(name, i === 0 ? "int64" : "float64", { rows: id })),
  });
  return (
    ids: readonly (readonly number[])[],
    means: readonly (readonly (number | null)[])[],
    variances: readonly (readonly (number | null)[])[],
    run = context(),
  ) => {
    const items = candidates("int64", ids);
    const [relevance, variance] = [means, variances].map(all => scalars("float64", all.flat(), items.rows));
    const given = { input: [items], relevance: [relevance!], variance: [variance!] } as const;
    return (kernel.run(given, run) as readonly Column[]).map(grouped);
  };
}

test("a million draws: each candidate as often as its probability says", async () => {
  const [means, variances] = [
    [0.4, 1.2, -0.3, 0.9],
    [1, 0.25, 4, 0.01],
  ] as const;
  const kernel = await prepare("thompsonSampling", {
    params: { topk: 1 },
    inputs: { input: ["item_id"], relevance: ["mean"], variance: ["variance"] },
    outputs: ["ordered_ids", "ordered_scores"].map(name => column(name, "float64", { rows: "s1" })),
  });
  const draw = await sampler({ topk: 1, propensity: true });
  const probability = new Map<number, number>();
  for (let seed = 0n; probability.size < 4; seed++) {
    const [ids, , each, list] = draw([[0, 1, 2, 3]], [means], [variances], context(seed)) as [
      bigint[][],
      unknown,
      number[][],
      number[][],
    ];
    expect(list).toEqual(each);
    probability.set(Number(ids[0]![0]), each[0]![0]!);
  }
  expect([...probability.values()].reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  const users = 50_000;
  const rows = childRows(
    rootRows(users),
    Int32Array.from({ length: users + 1 }, (_, user) => 4 * user),
  );
  const repeated = (numbers: readonly number[]): Column => ({
    dtype: "float64",
    rows,
    values: new Float64Array(4 * users).map((_, i) => numbers[i % 4]!),
  });
  const [relevance, variance] = [repeated(means), repeated(variances)];
  const seen = new Int32Array(4);
  for (let run = 0; run < 20; run++) {
    const ids: Column = { dtype: "int32", rows, values: new Int32Array(4 * users).map((_, i) => 4 * users * run + i) };
    const made = kernel.run({ input: [ids], relevance: [relevance], variance: [variance] }, context(11n));
    for (const id of (made as readonly Column[])[0]!.values as Int32Array) seen[id % 4]!++;
  }
  const square = [...probability].reduce((sum, [place, p]) => sum + (seen[place]! - 1e6 * p) ** 2 / (1e6 * p), 0);
  // 99.9 % point of chi-square with 3 degrees of freedom.
  expect(square).toBeLessThan(16.27);
}, 60_000);

test("a batch answers what its rows answer; the request's seed precedes the author's; each step draws its own", async () => {
  const draw = await sampler({ topk: 3 });
  const ids = [Array.from({ length: 30 }, (_, i) => i), [], [7, 8]];
  const [means, variances] = [ids.map(own => own.map(i => i / 10)), ids.map(own => own.map(() => 1))];
  const all = draw(ids, means, variances, context(3n));
  const single = ids.map((_, i) => draw([ids[i]!], [means[i]!], [variances[i]!], context(3n)));
  expect(all).toEqual([single.flatMap(([one]) => one), single.flatMap(([, scores]) => scores)]);
  expect(draw(ids, means, variances, context(4n))).not.toEqual(all);
  const fixed = await sampler({ topk: 3, seed: 3 });
  expect(fixed(ids, means, variances, context(99n))).toEqual(all);
  expect(fixed(ids, means, variances, context(4n, new Map([["seed", 4n]])))).toEqual(
    draw(ids, means, variances, context(4n)),
  );
  expect((await sampler({ topk: 3 }, "other"))(ids, means, variances, context(3n))).not.toEqual(all);
});

test("scale 0, and variances of 0, are the order by mean with certainty; no candidates have no list", async () => {
  const ids = [[1, 2, 3], []];
  for (const [scale, variance] of [
    [0, 9],
    [5, 0],
  ]) {
    const draw = await sampler({ topk: 1, propensity: true, scale: scale! });
    expect(draw(ids, [[0, 5, 5], []], [Array(3).fill(variance), []])).toEqual([
      [[2n], []],
      [[5], []],
      [[1], []],
      [[1], []],
    ]);
  }
});

test.each<[string, (number | null)[], (number | null)[], string]>([
  ["a negative variance", [1, 2], [1, -0.5], "column `variance` holds -0.5 for candidate 1 (`item_id` 8) of row 1"],
  [
    "no variance",
    [1, 2],
    [1, null],
    "column `variance` holds NaN for candidate 1 (`item_id` 8) of row 1: a variance is a number from 0",
  ],
  ["an infinite variance", [1, 2], [Number.POSITIVE_INFINITY, 1], "column `variance` holds Infinity for candidate 0"],
  [
    "an infinite mean",
    [Number.NEGATIVE_INFINITY, 2],
    [1, 1],
    "column `mean` holds -Infinity for candidate 0 (`item_id` 7) of row 1",
  ],
  ["no mean", [1, null], [1, 1], "column `mean` has no score for candidate 1 (`item_id` 8) of row 1"],
])("%s names the candidate", async (_, means, variances, message) => {
  const draw = await sampler({});
  expect(() => draw([[1], [7, 8]], [[0], means], [[1], variances])).toThrow(message);
});

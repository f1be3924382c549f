// Draws with a uniform part, as graphs: each list as often as its probability says, and the kernel's probabilities of these lists.
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { column } from "#contract/schema.js";
import { drawPropensities } from "#operators/shared/kernel/draw-propensities.js";
import type { DrawRule, UniformShare } from "#operators/shared/spec/facts.js";
import { startPythonOnnx } from "../../../tests/compiler/5-emit/onnx/python-onnx.js";
import { type Answered, bothWays, feedsOf, lowered } from "../../../tests/compiler/5-emit/onnx/step-both-ways.js";
import { makeStep } from "../../../tests/operators/step.js";

const python = startPythonOnnx();
afterAll(() => python.stop());

type Drawing = "softmaxSampling" | "epsilonGreedy";

const rows = { rows: "s1" };
const stepOf = <K extends Drawing>(op: K, params: OpParamsInput[K]) =>
  makeStep(op, {
    params: { ...params, propensity: true },
    inputs: { input: ["id"], relevance: ["score"] },
    outputs: [
      column("ordered_ids", "int64", rows),
      ...["ordered_scores", "propensity", "list_propensity"].map(name => column(name, "float64", rows)),
    ],
  });

const given = (scores: readonly (readonly number[])[]) =>
  ({
    id: { dtype: "int64", cells: scores.map(own => own.map((_, i) => BigInt(i))), candidates: true },
    score: { dtype: "float64", cells: scores, candidates: true },
  }) as const;

/** Ordered lists of `k` of n places. */
function* lists(n: number, k: number, above: readonly number[] = []): Generator<readonly number[]> {
  if (k === 0) yield above;
  else for (let i = 0; i < n; i++) if (!above.includes(i)) yield* lists(n, k - 1, [...above, i]);
}

/** Σ (seen − expected)² / expected over the lists, all of which are possible. */
async function chiSquare<K extends Drawing>(
  op: K,
  params: OpParamsInput[K],
  rule: DrawRule,
  scores: readonly number[],
) {
  const [users, runs] = [40_000, 5];
  const columns = given(Array.from({ length: users }, () => scores));
  const graph = lowered(stepOf(op, params), columns, {});
  const feeds = feedsOf(columns);
  const seen = new Map<string, number>();
  // A refusal has no graph, and fails here.
  const { onnx, read } = graph as Exclude<typeof graph, { refused: string }>;
  for (let run = 0; run < runs; run++) {
    const [ids] = read(await python.run(onnx, feeds)) as readonly (readonly bigint[][])[];
    for (const list of ids!) seen.set(list.join(), (seen.get(list.join()) ?? 0) + 1);
  }
  const out = new Float64Array(scores.length);
  let [sum, mass, drawn] = [0, 0, 0];
  for (const list of lists(scores.length, Math.min(params.topk!, scores.length))) {
    const p = Math.exp(drawPropensities(rule, Float64Array.from(scores), scores.length, list, out));
    const count = seen.get(list.join()) ?? 0;
    sum += (count - users * runs * p) ** 2 / (users * runs * p);
    mass += p;
    drawn += count;
  }
  expect(mass).toBeCloseTo(1, 12);
  expect(drawn).toBe(users * runs);
  return sum;
}

describe("200,000 draws by ONNX Runtime, over all lists", () => {
  const scores = [0.4, 1.2, -0.3, 0.9, 1.1, 0.2];
  const uniform = (epsilon: number, least = 0, per: "position" | "list" = "position") => ({ epsilon, least, per });
  // 99.9 % points of chi-square with 719, 119 and 29 degrees of freedom.
  test.each<[string, OpParamsInput["epsilonGreedy"], DrawRule, number]>([
    ["each position, all six", { topk: 6, epsilon: 0.7 }, { uniform: uniform(0.7) }, 841],
    ["each position, three of six", { topk: 3, epsilon: 0.3 }, { uniform: uniform(0.3) }, 173.7],
    ["with a floor", { topk: 3, epsilon: 0.2, minPropensity: 0.1 }, { uniform: uniform(0.2, 0.1) }, 173.7],
    ["the whole list", { topk: 2, epsilon: 0.3, per: "list" }, { uniform: uniform(0.3, 0, "list") }, 58.4],
  ])(
    "epsilonGreedy, %s",
    async (_, params, rule, bound) => {
      expect(await chiSquare("epsilonGreedy", params, rule, scores)).toBeLessThan(bound);
    },
    60_000,
  );
  test.each<[string, OpParamsInput["softmaxSampling"], DrawRule, number]>([
    ["all six", { topk: 6, temperature: 0.8, minPropensity: 0.1 }, { temperature: 0.8, uniform: uniform(0, 0.1) }, 841],
    [
      "three of six",
      { topk: 3, temperature: 2, minPropensity: 0.05 },
      { temperature: 2, uniform: uniform(0, 0.05) },
      173.7,
    ],
  ])(
    "softmaxSampling with a floor, %s",
    async (_, params, rule, bound) => {
      expect(await chiSquare("softmaxSampling", params, rule, scores)).toBeLessThan(bound);
    },
    60_000,
  );
});

const score = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: -3, max: 3, noNaN: true }) },
  fc.constantFrom(0, 1, 1, 1e6, -1e6, 700, 1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);

/** Relative, or beside 1 where both are that small. */
const near = (a: number, b: number): boolean => a === b || Math.abs(a - b) <= 1e-12 * Math.max(a, b) + 1e-300;

function check(answered: Answered, scores: readonly (readonly number[])[], rule: DrawRule, topk: number): void {
  const [ids, , each, list] = answered as unknown as [bigint[][], unknown, number[][], number[][]];
  for (const [user, own] of scores.entries()) {
    const places = ids[user]!.map(Number);
    expect(places).toHaveLength(Math.min(topk, own.length));
    const out = new Float64Array(places.length);
    const log = drawPropensities(rule, Float64Array.from(own), own.length, places, out);
    const all = places.map(() => Math.exp(log));
    const isNear = [...each[user]!, ...list[user]!].every((p, i) => near(p, [...out, ...all][i]!));
    expect(isNear || { scores: own, places, each: each[user], list: list[user], out: [...out], all }).toBe(true);
  }
}

const per = (epsilon: number, least: number, per: "position" | "list" = "position"): UniformShare => ({
  epsilon,
  least,
  per,
});

test.each<[Drawing, OpParamsInput[Drawing], DrawRule]>([
  ["epsilonGreedy", { epsilon: 0.5 }, { uniform: per(0.5, 0) }],
  ["epsilonGreedy", { epsilon: 1e-6 }, { uniform: per(1e-6, 0) }],
  ["epsilonGreedy", { epsilon: 1 }, { uniform: per(1, 0) }],
  ["epsilonGreedy", { epsilon: 0, minPropensity: 0.2 }, { uniform: per(0, 0.2) }],
  ["epsilonGreedy", { epsilon: 0.3, per: "list" }, { uniform: per(0.3, 0, "list") }],
  ["epsilonGreedy", { epsilon: 1, per: "list" }, { uniform: per(1, 0, "list") }],
  ["softmaxSampling", { temperature: 1, minPropensity: 0.1 }, { temperature: 1, uniform: per(0, 0.1) }],
  ["softmaxSampling", { temperature: -20, minPropensity: 1 }, { temperature: -20, uniform: per(0, 1) }],
  ["softmaxSampling", { temperature: 0, minPropensity: 0.1 }, { temperature: 0, uniform: per(0, 0.1) }],
  ["softmaxSampling", { temperature: 1e6, minPropensity: 0.3 }, { temperature: 1e6, uniform: per(0, 0.3) }],
])(
  "propensities are the kernel's: %s %j",
  async (op, params, rule) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(score, { maxLength: 7 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(1, 3, 9),
        async (scores, topk) => {
          const { node, python: elsewhere } = await bothWays(
            stepOf(op, { ...params, topk }),
            given(scores),
            python,
            {},
          );
          check(node, scores, rule, topk);
          check(elsewhere, scores, rule, topk);
        },
      ),
      { numRuns: 12, seed: 5 },
    );
  },
  60_000,
);

test("a seed of the author and a chance below the random numbers are refused", () => {
  const refused = (op: Drawing, params: OpParamsInput[Drawing]) => lowered(stepOf(op, params), given([[1, 2]]), {});
  expect(refused("epsilonGreedy", { epsilon: 0.1, seed: 7 })).toEqual({
    refused: expect.stringMatching(/: with `seed: 7` every request draws the same/),
  });
  expect(refused("epsilonGreedy", { epsilon: 1e-7 })).toEqual({
    refused: expect.stringMatching(
      /: a uniform draw of probability 1e-7 is finer than ONNX Runtime's random numbers, which have 31 bits$/,
    ),
  });
  expect(refused("softmaxSampling", { minPropensity: 1e-8 })).toEqual({
    refused: expect.stringMatching(/: a uniform draw of probability 2e-8 is finer/),
  });
});

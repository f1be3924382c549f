// Draws with a uniform part, as graphs: each list as often as its probability says, and the kernel's probabilities of these lists.
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { column } from "#contract/schema.js";
import { drawPropensities } from "#operators/shared/kernel/draw-propensities.js";
import type { DrawRule, UniformShare } from "#operators/shared/spec/facts.js";
import { startPythonOnnx } from "../../../tests/compiler/5-emit/onnx/python-onnx.js";
import { type Answered, bothWays, lowered } from "../../../tests/compiler/5-emit/onnx/step-both-ways.js";
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

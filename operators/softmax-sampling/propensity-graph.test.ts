// A graph draws by random numbers of its own. The propensities that it answers beside its draw are those of the kernel for the same list.
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { column } from "#contract/schema.js";
import { propensities } from "#operators/shared/kernel/plackett-luce.js";
import { startPythonOnnx } from "../../tests/compiler/5-emit/onnx/python-onnx.js";
import { type Answered, bothWays } from "../../tests/compiler/5-emit/onnx/step-both-ways.js";
import { makeStep } from "../../tests/operators/step.js";

const python = startPythonOnnx();
afterAll(() => python.stop());

const rows = { rows: "s1" };
const outputs = [
  column("ordered_ids", "int64", rows),
  column("ordered_scores", "float64", rows),
  column("propensity", "float64", rows),
  column("list_propensity", "float64", rows),
];

const score = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: -3, max: 3, noNaN: true }) },
  fc.constantFrom(0, 1, 1, 1e6, -1e6, 700, 1e308, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);

/** Relative, or beside 1 where both are that small. */
const near = (a: number, b: number): boolean => a === b || Math.abs(a - b) <= 1e-12 * Math.max(a, b) + 1e-300;

function check(answered: Answered, scores: readonly (readonly number[])[], temperature: number, topk: number): void {
  const [ids, , each, list] = answered as unknown as [bigint[][], unknown, number[][], number[][]];
  for (const [user, own] of scores.entries()) {
    const places = ids[user]!.map(Number);
    expect(places).toHaveLength(Math.min(topk, own.length));
    const out = new Float64Array(places.length);
    const log = propensities(Float64Array.from(own), own.length, places, temperature, out);
    const all = places.map(() => Math.exp(log));
    const isNear = [...each[user]!, ...list[user]!].every((p, i) => near(p, [...out, ...all][i]!));
    expect(isNear || { scores: own, places, each: each[user], list: list[user], out: [...out], all }).toBe(true);
  }
}

test.each([0, 1, 20, -4, 1e-8, 1e6])(
  "temperature %d",
  async temperature => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(score, { maxLength: 7 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(1, 3, 100),
        async (scores, topk) => {
          const step = makeStep("softmaxSampling", {
            params: { topk, temperature, propensity: true },
            inputs: { input: ["id"], relevance: ["score"] },
            outputs,
          });
          const ids = scores.map(own => own.map((_, i) => BigInt(i)));
          const given = {
            id: { dtype: "int64", cells: ids, candidates: true },
            score: { dtype: "float64", cells: scores, candidates: true },
          } as const;
          const { node, python: elsewhere } = await bothWays(step, given, python, {});
          check(node, scores, temperature, topk);
          check(elsewhere, scores, temperature, topk);
        },
      ),
      { numRuns: 12 },
    );
  },
  60_000,
);

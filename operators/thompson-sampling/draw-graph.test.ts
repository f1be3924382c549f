// The draw as a graph: each list as often as its integral says, normal numbers that are independent, and refusals.
import { afterAll, describe, expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { column } from "#contract/schema.js";
import { startPythonOnnx } from "../../tests/compiler/5-emit/onnx/python-onnx.js";
import { bothWays, feedsOf, lowered } from "../../tests/compiler/5-emit/onnx/step-both-ways.js";
import { makeStep } from "../../tests/operators/step.js";

const python = startPythonOnnx();
afterAll(() => python.stop());

const rows = { rows: "s1" };
const stepOf = (params: OpParamsInput["thompsonSampling"]) =>
  makeStep("thompsonSampling", {
    params,
    inputs: { input: ["id"], relevance: ["mean"], variance: ["variance"] },
    outputs: [
      column("ordered_ids", "int64", rows),
      ...["ordered_scores", ...(params.propensity ? ["propensity", "list_propensity"] : [])].map(name =>
        column(name, "float64", rows),
      ),
    ],
  });

type Cells = readonly (readonly (number | null)[])[];
const given = (mean: Cells, variance: Cells) =>
  ({
    id: { dtype: "int64", cells: mean.map(own => own.map((_, i) => BigInt(i))), candidates: true },
    mean: { dtype: "float64", cells: mean as number[][], candidates: true },
    variance: { dtype: "float64", cells: variance as number[][], candidates: true },
  }) as const;

const MEANS = [0.4, 1.2, -0.3, 0.9, 1.1];
const VARIANCES = [1, 0.25, 4, 0.01, 0];

/** Lists of `users` equal requests in each of `runs` calls of one graph. */
async function draws(
  params: OpParamsInput["thompsonSampling"],
  [means, variances]: readonly [readonly number[], readonly number[]],
  [users, runs]: readonly [number, number],
) {
  const repeated = (own: readonly number[]) => Array.from({ length: users }, () => own);
  const columns = given(repeated(means), repeated(variances));
  const graph = lowered(stepOf(params), columns, {});
  // A refusal has no graph, and fails here.
  const { onnx, read } = graph as Exclude<typeof graph, { refused: string }>;
  const lists: number[][] = [];
  for (let run = 0; run < runs; run++) {
    const [ids] = read(await python.run(onnx, feedsOf(columns))) as readonly (readonly bigint[][])[];
    for (const list of ids!) lists.push(list.map(Number));
  }
  return lists;
}

/** The probability of an order of three or fewer, by Riemann's sum over the draws of all but the last. */
function chanceOfOrder(order: readonly number[], scale: number): number {
  const density = (i: number, x: number): number => {
    const deviation = scale * Math.sqrt(VARIANCES[i]!);
    const z = (x - MEANS[i]!) / deviation;
    return Math.exp((-z * z) / 2) / (deviation * Math.sqrt(2 * Math.PI));
  };
  const [step, low, high] = [0.002, -9, 9];
  // The chance that the rest of the order holds below x, from the last one upwards.
  const count = Math.round((high - low) / step);
  let below = new Float64Array(count + 1).fill(1);
  for (const i of [...order].reverse()) {
    const next = new Float64Array(count + 1);
    for (let at = 0; at < count; at++) {
      const x = low + (at + 0.5) * step;
      next[at + 1] = next[at]! + density(i, x) * ((below[at]! + below[at + 1]!) / 2) * step;
    }
    below = next;
  }
  return below[count]!;
}

describe("by ONNX Runtime", () => {
  test("200,000 whole orders of three, as often as the sum over their draws says", async () => {
    const [places, scale] = [[0, 1, 2], 0.8];
    const lists = await draws(
      { topk: 3, scale },
      [places.map(i => MEANS[i]!), places.map(i => VARIANCES[i]!)],
      [20_000, 10],
    );
    const orders = places.flatMap(a => places.filter(b => b !== a).map(b => [a, b, 3 - a - b]));
    let [square, mass] = [0, 0];
    for (const order of orders) {
      const p = chanceOfOrder(order, scale);
      const seen = lists.filter(list => list.join() === order.join()).length;
      square += (seen - lists.length * p) ** 2 / (lists.length * p);
      mass += p;
    }
    expect(mass).toBeCloseTo(1, 5);
    // 99.9 % point of chi-square with 5 degrees of freedom.
    expect(square).toBeLessThan(20.52);
  }, 60_000);
});

test("scale 0 and variances of 0 are the kernel's answers, empty lists and certainty too", async () => {
  const means = [[0, 5, 5], [], [3], [2, -1]];
  const variances = means.map(own => own.map(() => 9));
  const exact = await bothWays(stepOf({ topk: 2, scale: 0, propensity: false }), given(means, variances), python, {});
  expect(exact.node).toEqual(exact.kernel);
  expect(exact.python).toEqual(exact.kernel);
  const sure = await bothWays(stepOf({ topk: 1, scale: 0, propensity: true }), given(means, variances), python, {});
  expect(sure.node).toEqual(sure.kernel);
  const none = means.map(own => own.map(() => 0));
  const still = await bothWays(stepOf({ topk: 3, scale: 5 }), given(means, none), python, {});
  expect(still.node).toEqual(still.kernel);
  expect(still.python).toEqual(still.kernel);
});

test.each<[string, (number | null)[], (number | null)[]]>([
  ["a negative variance", [1, 2], [1, -0.5]],
  ["no variance", [1, 2], [1, null]],
  ["an infinite variance", [1, 2], [Number.POSITIVE_INFINITY, 1]],
  ["an infinite mean", [Number.NEGATIVE_INFINITY, 2], [1, 1]],
  ["no mean", [1, null], [1, 1]],
])("%s ends the request, with scale 0 too", async (_, means, variances) => {
  for (const scale of [0, 1]) {
    const answers = await bothWays(stepOf({ topk: 2, scale }), given([[0], means], [[1], variances]), python, {});
    expect(answers).toEqual({ kernel: { fault: true }, node: { fault: true }, python: { fault: true } });
  }
});

test("an authored seed, and the propensity of a draw, are refused with a way out", () => {
  const refused = (params: OpParamsInput["thompsonSampling"]) => lowered(stepOf(params), given([[1, 2]], [[1, 1]]), {});
  expect(refused({ seed: 7 })).toEqual({
    refused: expect.stringMatching(/: with `seed: 7` every request draws the same/),
  });
  expect(refused({ topk: 1, propensity: true })).toEqual({
    refused: expect.stringMatching(/: the propensity of a normal draw is an integral, which a graph does not compute$/),
  });
});

import { describe, expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import { type AnyStep, type Plan, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import type { Cancellation } from "#runtime/base/cancellation.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { valuesTensor } from "#runtime/base/columns/tensor-values.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import type { ModelCaller } from "#runtime/engine/schedule/kernel.js";
import { at } from "../../tests/runtime/server/served-plan.js";

const wait = (ms: number, signal?: Cancellation) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new RuntimeFault("CANCELLED", "cancelled"));
    });
  });

/** Each model returns its number for every row: after this number of milliseconds, or with a fault. */
function models(behaviour: Readonly<Record<string, number | string>>) {
  const cancelled: string[] = [];
  const caller: ModelCaller = {
    describe: async () => ({
      inputs: [{ name: "x", datatype: "FP32", shape: [-1] }],
      outputs: [{ name: "score", datatype: "FP32", shape: [-1] }],
    }),
    infer: async (model, [input], _, signal) => {
      const act = behaviour[model] ?? 0;
      if (typeof act === "string") throw new RuntimeFault("UNAVAILABLE", act);
      if (act > 0)
        await wait(act, signal).catch((error: unknown) => {
          cancelled.push(model);
          throw error;
        });
      const values = new Float32Array(input!.shape[0]!).fill(Number(model.replace(/\D/g, "")));
      return [valuesTensor("score", "float32", [values.length], values)];
    },
  };
  return { caller, cancelled };
}

const predict = (id: string, model: string, from: ReturnType<typeof at>): AnyStep => ({
  id,
  op: "predictOnnx",
  label: id,
  params: { path: "m.onnx", model, inputs: { x: from.name }, outputs: { score: "score" } },
  inputs: { input: [from] },
  outputs: [column("score", "float32")],
});
const choose = (id: string, left: string, right: string, within?: number): AnyStep => ({
  id,
  op: "fallback",
  label: id,
  params: within === undefined ? {} : { within },
  inputs: { input: [at(left, "score")], fallback: [at(right, "score")] },
  outputs: [column("score", "float32")],
});
const plan = (steps: readonly AnyStep[], output: string): Plan =>
  parsePlan(
    JSON.stringify({
      format: "merlon/plan",
      version: 1,
      kind: "ensemble",
      name: "careful",
      inputs: [column("x", "float32")],
      steps,
      outputs: [{ ref: at(output, "score"), schema: column("score", "float32") }],
    }),
    "plan.json",
  );
const x = at("request", "x");

async function run(
  steps: readonly AnyStep[],
  output: string,
  behaviour: Parameters<typeof models>[0],
  signal?: AbortSignal,
) {
  const { caller, cancelled } = models(behaviour);
  const executable = await preparePlan(fittedPlan(plan(steps, output)), { folder: ".", models: caller });
  const rows = rootRows(2);
  const result = await executable.run(new Map([["x", { dtype: "float32", rows, values: Float32Array.of(1, 2) }]]), {
    seed: 0n,
    parameters: new Map(),
    ...(signal && { signal }),
  });
  await new Promise(resolve => setImmediate(resolve));
  return {
    score: [...(result.columns.get("score")!.values as Float32Array)],
    fallbacks: Object.fromEntries(result.fallbacks),
    cancelled,
    timings: result.timings,
    rows: Object.fromEntries(result.runs.map(({ step, rowsIn, rowsOut }) => [step.id, [rowsIn, rowsOut]])),
  };
}

/** Two left steps in a row, one on the right, and one after the choice. */
const one = (within?: number) => [
  predict("a", "model1", x),
  predict("b", "model2", { ...at("a", "score"), name: "score" }),
  predict("c", "model3", x),
  choose("f", "b", "c", within),
];

describe("fallback", () => {
  test("the other, when the left side fails, at any of its steps", async () => {
    expect(await run(one(), "f", { model1: "gone" })).toMatchObject({
      score: [3, 3],
      fallbacks: { f: "step `a` (predictOnnx): gone" },
      cancelled: [],
    });
    expect((await run(one(), "f", { model2: "gone", model3: 20 })).score).toEqual([3, 3]);
  });
  test("the other, when time is up; the left side is cancelled", async () => {
    const late = await run(one(15), "f", { model2: 60_000 });
    expect(late).toMatchObject({
      score: [3, 3],
      fallbacks: { f: "not done within 15 ms" },
      cancelled: ["model2"],
    });
    // The time spent on the losing side is reported, too.
    expect([...late.timings.keys()]).toEqual(["a", "b", "c", "f"]);
    expect(late.rows).toEqual({ a: [2, 2], b: [2, 0], c: [2, 2], f: [2, 2] });
    expect(late.timings.get("b")).toBeGreaterThan(0);
    expect(late.timings.get("b")).toBeLessThan(30_000_000);
    // The other side may be slower than the time: it is what there is.
    expect((await run(one(10), "f", { model1: 60_000, model3: 40 })).score).toEqual([3, 3]);
  });
  test("a fault of the other side counts only when it is needed", async () => {
    expect((await run(one(), "f", { model3: "no items" })).score).toEqual([2, 2]);
    await expect(run(one(), "f", { model2: "gone", model3: "no items" })).rejects.toThrow(
      "step `c` (predictOnnx): no items. Fallback of `f` after: step `b` (predictOnnx): gone",
    );
    await expect(run(one(), "f", { model2: 20, model1: "gone", model3: "no items" })).rejects.toThrow(
      "step `c` (predictOnnx): no items. Fallback of `f` after: step `a` (predictOnnx): gone",
    );
    await expect(run(one(10), "f", { model2: 60_000, model3: "no items" })).rejects.toThrow(
      "step `c` (predictOnnx): no items. Fallback of `f` after: not done within 10 ms",
    );
  });
});

describe("a fault that may be one row's own", () => {
  /** A model that refuses a value; the others answer their number. */
  async function answers(code: "NOT_FOUND" | "INVALID_ARGUMENT" | "UNAVAILABLE", refused: number, values: number[]) {
    const asked: number[] = [];
    const caller: ModelCaller = {
      ...models({}).caller,
      infer: async (model, [input]) => {
        const given = new Float32Array(Uint8Array.from(input!.data).buffer);
        if (model === "model1") {
          asked.push(given.length);
          if (given.includes(refused)) throw new RuntimeFault(code, `no ${refused}`);
        }
        return [
          valuesTensor(
            "score",
            "float32",
            [given.length],
            given.map(() => Number(model.slice(-1))),
          ),
        ];
      },
    };
    const executable = await preparePlan(fittedPlan(plan(one(), "f")), { folder: ".", models: caller });
    const rows = rootRows(values.length);
    const column = { dtype: "float32", rows, values: Float32Array.from(values) } as const;
    const result = await executable.run(new Map([["x", column]]), { seed: 0n, parameters: new Map() });
    const score = [...(result.columns.get("score")!.values as Float32Array)];
    return { score, fallbacks: Object.fromEntries(result.fallbacks), asked };
  }
  test.each(["NOT_FOUND", "INVALID_ARGUMENT"] as const)("of %s takes the other side for that row alone", async code => {
    expect(await answers(code, 7, [1, 7, 2, 7])).toEqual({
      score: [2, 3, 2, 3],
      fallbacks: { f: "rows 1, 3 of the request, run alone: step `a` (predictOnnx): no 7" },
      asked: [4, 1, 1, 1, 1],
    });
    expect(await answers(code, 7, [1, 2])).toEqual({ score: [2, 2], fallbacks: {}, asked: [2] });
    // A request of one row is not sent again.
    expect(await answers(code, 7, [7])).toEqual({
      score: [3],
      fallbacks: { f: "step `a` (predictOnnx): no 7" },
      asked: [1],
    });
  });
});

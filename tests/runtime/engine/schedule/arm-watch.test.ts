// Outcomes of arms in runs of a plan: which faults and times count towards a guardrail.
import { afterEach, describe, expect, test } from "vitest";
import { type AnyStep, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { assignArms } from "#operators/split/kernel.js";
import type { Guardrail } from "#operators/split/spec.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { valuesTensor } from "#runtime/base/columns/tensor-values.js";
import { RuntimeFault, type StatusCode } from "#runtime/base/errors.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import type { ModelCaller, RunContext } from "#runtime/engine/schedule/kernel.js";
import { at } from "../../server/served-plan.js";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const ARMS = [
  { name: "control", weight: 0.5 },
  { name: "treatment", weight: 0.5 },
];
const predict = (id: string): AnyStep => ({
  id,
  op: "predictOnnx",
  label: id,
  params: { path: "m.onnx", model: id, inputs: { x: "x" }, outputs: { score: "score" } },
  inputs: { input: [at("request", "x")] },
  outputs: [column("score", "float32")],
});

interface Sent {
  readonly user: bigint;
  readonly parameters?: RunContext["parameters"];
  readonly signal?: AbortSignal;
}

/** A plan of two arms, each a model of its name; `act` is the model `treatment`. */
async function opened(guardrail: Partial<Guardrail>, act: () => number | Promise<number>) {
  const notes: string[] = [];
  const models: ModelCaller = {
    describe: async () => ({
      inputs: [{ name: "x", datatype: "FP32", shape: [-1] }],
      outputs: [{ name: "score", datatype: "FP32", shape: [-1] }],
    }),
    infer: async (model, [input]) => {
      const value = model === "treatment" ? await act() : 1;
      return [valuesTensor("score", "float32", [...input!.shape], new Float32Array(input!.shape[0]!).fill(value))];
    },
  };
  const split = {
    id: "s",
    op: "split",
    label: "s",
    params: { arms: ARMS, salt: "x", guardrail: { window: 500, minimum: 3, ...guardrail } },
    inputs: { input: [at("request", "user")], arm1: [at("control", "score")], arm2: [at("treatment", "score")] },
    outputs: [column("score", "float32")],
  } as unknown as AnyStep;
  const plan = {
    ...{ format: "merlon/plan", version: 1, kind: "ensemble", name: "arms" },
    inputs: [column("user", "int64"), column("x", "float32")],
    steps: [predict("control"), predict("treatment"), split],
    outputs: [{ ref: at("s", "score"), schema: column("score", "float32") }],
  };
  const executable = await preparePlan(parsePlan(JSON.stringify(plan), "plan.json"), {
    folder: ".",
    models,
    onNote: note => notes.push(note),
  });
  closers.push(() => executable.close());
  const run = async (users: readonly bigint[], { parameters = new Map(), signal }: Partial<Sent> = {}) => {
    const rows = rootRows(users.length);
    const columns = new Map([
      ["user", { dtype: "int64", rows, values: BigInt64Array.from(users) } as const],
      ["x", { dtype: "float32", rows, values: new Float32Array(users.length) } as const],
    ]);
    const result = await executable.run(columns as never, { seed: 0n, parameters, ...(signal && { signal }) });
    return [...(result.columns.get("score")!.values as Float32Array)];
  };
  const arms = () => executable.counters.find(({ arms }) => arms)!.arms!;
  return { run, notes, arms, isStopped: () => arms()[1]!.isStopped };
}

/** Users of the treatment. */
const users = Array.from({ length: 4000 }, (_, i) => BigInt(i));
const assigned = assignArms(
  { dtype: "int64", rows: rootRows(users.length), values: BigInt64Array.from(users) },
  ARMS,
  "x",
);
const TREATED = users.filter((_, i) => assigned[i] === 1);
const CONTROLS = users.filter((_, i) => assigned[i] === 0);

const failing = (code: StatusCode) => () => {
  throw new RuntimeFault(code, "no luck");
};

describe("a guardrail", () => {
  test.each(["INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN"] as const)("counts %s", async code => {
    const { run, notes, arms, isStopped } = await opened({ errorRate: 0.5 }, failing(code));
    for (const user of TREATED.slice(0, 3)) await expect(run([user])).rejects.toThrow("no luck");
    expect(isStopped()).toBe(true);
    expect(notes).toEqual([
      "arm `treatment` of `s` is stopped: 3 of its last 3 requests failed, and `errorRate` is 0.5. Its users get `control`",
    ]);
    expect(await run(TREATED.slice(0, 5))).toEqual([1, 1, 1, 1, 1]);
    expect(arms()).toMatchObject([{ rows: 5, isStopped: false }, { failures: 3 }]);
    // A request that names the arm gets it, stopped or not.
    const parameters = new Map([["arm", "treatment"]]);
    await expect(run(CONTROLS.slice(0, 1), { parameters })).rejects.toThrow("no luck");
  });
});

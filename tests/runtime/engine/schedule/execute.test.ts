import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import type { OpKind } from "#contract/op-params.js";
import { type AnyStep, type ColumnRef, type Plan, parsePlan } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import type { ModelCaller } from "#runtime/engine/schedule/kernel.js";
import { nameFault, stepOfFault } from "#runtime/engine/schedule/run-stages.js";
import { writeCandidates } from "../../../operators/candidate-file.js";
import { context, noModels, plain, scalars } from "../../../operators/step.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-plan-"));
afterAll(() => rmSync(folder, { recursive: true }));

const at = (step: string, name: string): ColumnRef => ({ name, step, column: name });
interface StepText {
  readonly op: OpKind;
  readonly params: unknown;
  readonly inputs: Record<string, ColumnRef[]>;
  readonly outputs: ColumnSchema[];
  readonly artefacts?: Record<string, string>;
}

function plan(
  inputs: ColumnSchema[],
  steps: Record<string, StepText>,
  outputs: Record<string, [ColumnRef, ColumnSchema]>,
  kind: Plan["kind"] = "ensemble",
): Plan {
  const listed = Object.entries(steps).map(([id, step]) => ({ id, label: `the ${id}`, ...step }));
  const answered = Object.entries(outputs).map(([name, [ref, schema]]) => ({ ref, schema: { ...schema, name } }));
  return parsePlan(
    JSON.stringify({ format: "merlon/plan", version: 1, kind, name: "p", inputs, steps: listed, outputs: answered }),
    "plan.json",
  );
}

/** Models whose calls are noted; each answers its input after the given turns of the event loop. */
function slowModels(turns: Record<string, number>) {
  const events: string[] = [];
  const tensor = (name: string) => ({ name, datatype: "FP32" as const, shape: [-1] });
  const models: ModelCaller = {
    describe: async () => ({ inputs: [tensor("x")], outputs: [tensor("y")] }),
    infer: async (model, [x]) => {
      events.push(`${model} starts`);
      for (let i = 0; i < turns[model]!; i++) await new Promise(resolve => setImmediate(resolve));
      events.push(`${model} ends`);
      if (turns[model]! > 90) throw new Error("secret of the model");
      return [{ ...x!, name: "y" }];
    },
  };
  return { events, models };
}

const x = column("x", "float32");
const onnx = (model: string, from: ColumnRef): StepText => ({
  op: "predictOnnx",
  params: { path: `${model}.onnx`, model, inputs: { x: from.name }, outputs: { y: "y" } },
  inputs: { input: [from] },
  outputs: [column("y", "float32")],
});
const clip = (from: ColumnRef, max: number): StepText => ({
  op: "clip",
  params: { max },
  inputs: { input: [from] },
  outputs: [column(from.name, "float32")],
});

const request = (values: (number | null)[]) => new Map([["x", scalars("float32", values)]]);

describe("a run", () => {
  test("independent branches overlap; what depends waits; each step runs once", async () => {
    const { events, models } = slowModels({ slow: 5, quick: 1, after: 1 });
    const p = plan(
      [x],
      {
        slow: onnx("slow", at("request", "x")),
        quick: onnx("quick", at("request", "x")),
        cap: clip(at("quick", "y"), 2),
        after: onnx("after", at("cap", "y")),
      },
      { a: [at("slow", "y"), x], b: [at("after", "y"), x], c: [at("cap", "y"), x] },
    );
    const executable = await preparePlan(fittedPlan(p), { folder, models });
    const { columns, timings } = await executable.run(request([1, 2, 3]), context());
    expect(Object.fromEntries([...columns].map(([name, col]) => [name, plain(col)]))).toEqual({
      a: [1, 2, 3],
      b: [1, 2, 2],
      c: [1, 2, 2],
    });
    expect(events).toEqual(["slow starts", "quick starts", "quick ends", "after starts", "after ends", "slow ends"]);
    expect([...timings.keys()].sort()).toEqual(["after", "cap", "quick", "slow"]);
    expect(timings.get("slow")).toBeGreaterThan(0);
  });

  test.each([
    [false, ["first", "second", "turn", "turn"]],
    [true, ["first", "turn", "second", "turn"]],
  ])("the event loop turns between stages if the run yields: %s", async (yields, expected) => {
    const events: string[] = [];
    const steps = { first: clip(at("request", "x"), 3), second: clip(at("first", "x"), 2) };
    const executable = await preparePlan(fittedPlan(plan([x], steps, { a: [at("second", "x"), x] })), {
      ...{ folder, models: noModels },
      middleware: async ({ id }, prepare) => {
        const kernel = await prepare();
        return {
          ...kernel,
          run: (inputs, runContext) => {
            events.push(id);
            setImmediate(() => events.push("turn"));
            // Longer than a slice, which may have several stages.
            for (const until = performance.now() + 1; performance.now() < until; );
            return kernel.run(inputs, runContext);
          },
        };
      },
    });
    const { columns } = await executable.run(request([1, 2, 3]), { ...context(), yields });
    expect(plain(columns.get("a")!)).toEqual([1, 2, 2]);
    await new Promise(resolve => setImmediate(resolve));
    expect(events).toEqual(expected);
  });

  test("columns of the request can be the answer, and a plan can have no steps", async () => {
    const executable = await preparePlan(fittedPlan(plan([x], {}, { same: [at("request", "x"), x] })), {
      folder,
      models: noModels,
    });
    expect(plain((await executable.run(request([4]), context())).columns.get("same")!)).toEqual([4]);
    await expect(executable.run(new Map(), context())).rejects.toThrow("plan `p` got no column `x`.");
  });

  test("an explained request collects the filtered searches of each step, in the context of the request", async () => {
    const p = plan([x], { cap: clip(at("request", "x"), 2) }, { c: [at("cap", "x"), x] });
    const seeds: unknown[] = [];
    const executable = await preparePlan(fittedPlan(p), {
      ...{ folder, models: noModels },
      middleware: async (_, prepare) => {
        const kernel = await prepare();
        return {
          ...kernel,
          run: (inputs, runContext) => {
            seeds.push(runContext.seed);
            runContext.onSearch?.("cap", search);
            return kernel.run(inputs, runContext);
          },
        };
      },
    });
    const search = { rows: [0] } as never;
    const plainly = await executable.run(request([1]), { seed: 7n, parameters: new Map() });
    expect([...plainly.searches]).toEqual([]);
    const explained = await executable.run(request([1]), { seed: 7n, parameters: new Map([["explain", true]]) });
    expect([...explained.searches]).toEqual([["cap", [search]]]);
    expect(seeds).toEqual([7n, 7n]);
  });

  test("a fault that names its step is passed on as it is", () => {
    const step = { id: "s", label: "outer", op: "clip" } as AnyStep;
    const named = new RuntimeFault("NOT_FOUND", "step `inner` (queryFeast): no such user");
    expect(nameFault(step, named, "")).toBe(named);
    for (const message of ["no such user", "it names step `", ""]) {
      const fault = new RuntimeFault("NOT_FOUND", message);
      const made = nameFault(step, fault, "");
      expect(made).toMatchObject({ code: "NOT_FOUND", message: `step \`outer\` (clip): ${message}`, cause: fault });
      expect(nameFault(step, made, "")).toBe(made);
      expect(stepOfFault(made.message)).toBe("outer");
    }
  });

  test("a fault names the step; an error that is not a fault stays inside, with its cause", async () => {
    const { models } = slowModels({ broken: 99 });
    const executable = await preparePlan(
      fittedPlan(plan([x], { broken: onnx("broken", at("request", "x")) }, { a: [at("broken", "y"), x] })),
      { folder, models },
    );
    const error = await Promise.resolve(executable.run(request([1]), context())).catch((e: unknown) => e as Error);
    expect(error).toMatchObject({
      name: "RuntimeFault",
      code: "INTERNAL",
      message: "step `the broken` (predictOnnx): internal error",
    });
    expect(((error as Error).cause as Error).message).toBe("secret of the model");
  });

  test("a step is prepared with the types of the columns that it reads, whichever step makes them", async () => {
    writeCandidates(join(folder, "bought.candidates"), { keys: "string", ids: "int64", lists: [["be", [1], [1]]] });
    const integers = column("k", "int64");
    const look: StepText = {
      ...{ op: "lookupCandidates", params: { path: "bought.candidates", scores: false, merge: "roundRobin" } },
      ...{ inputs: { input: [at("key", "k")] }, artefacts: { table: "bought.candidates" } },
      outputs: [column("candidate_ids", "int64", { rows: "look" })],
    };
    const key: StepText = { ...clip(at("request", "k"), 5), outputs: [integers] };
    const steps = { first: clip(at("request", "x"), 1), key, look };
    const p = plan([x, integers], steps, { out: [at("look", "candidate_ids"), look.outputs[0]!] });
    await expect(preparePlan(fittedPlan(p), { folder, models: noModels })).rejects.toThrow(
      "has string keys, and the plan looks int64 up",
    );
  });
  test("after an abort no step starts", async () => {
    const { events, models } = slowModels({ first: 3, second: 1 });
    const executable = await preparePlan(
      fittedPlan(
        plan(
          [x],
          { first: onnx("first", at("request", "x")), second: onnx("second", at("first", "y")) },
          { a: [at("second", "y"), x] },
        ),
      ),
      { folder, models },
    );
    const controller = new AbortController();
    const running = executable.run(request([1]), { ...context(), signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: "CANCELLED" });
    expect(events).toEqual(["first starts", "first ends"]);
  });

  test("after a fault no step starts, though another branch continues", async () => {
    const { events, models } = slowModels({ broken: 91, slow: 120, next: 1 });
    const p = plan(
      [x],
      {
        broken: onnx("broken", at("request", "x")),
        slow: onnx("slow", at("request", "x")),
        next: onnx("next", at("slow", "y")),
      },
      { a: [at("broken", "y"), x], b: [at("next", "y"), x] },
    );
    await expect((await preparePlan(fittedPlan(p), { folder, models })).run(request([1]), context())).rejects.toThrow(
      "the broken",
    );
    for (let i = 0; i < 200; i++) await new Promise(resolve => setImmediate(resolve));
    expect(events).toEqual(["broken starts", "slow starts", "broken ends", "slow ends"]);
  });
});

describe("preparation", () => {
  test("a fault names the step and the reason", async () => {
    const p = plan(
      [x],
      {
        look: {
          op: "transformWorkflow",
          params: { path: "etl" },
          artefacts: { workflow: "gone/workflow.json" },
          inputs: { input: [at("request", "x")] },
          outputs: [x],
        },
      },
      { a: [at("look", "x"), x] },
    );
    await expect(preparePlan(fittedPlan(p), { folder, models: noModels })).rejects.toThrow(
      /^step `the look` \(transformWorkflow\): ENOENT.*gone\/workflow\.json/,
    );
  });
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import type { OpKind } from "#contract/op-params.js";
import { type ColumnRef, type Plan, parsePlan } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import type { ModelCaller } from "#runtime/engine/schedule/kernel.js";
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

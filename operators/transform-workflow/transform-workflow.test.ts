import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { FittedStep, Plan } from "#contract/plan.js";
import { printPlan } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import { transformWorkflow } from "#operators/transform-workflow/kernel.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { printGolden } from "#runtime/engine/golden/golden-rows.js";
import type { PrepareContext, PrepareStep } from "#runtime/engine/schedule/kernel.js";
import { context, lists, makeStep, noModels, plain, prepareKernel, scalars } from "../../tests/operators/step.js";
import { type Link, workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-transform-workflow-"));
afterAll(() => rmSync(folder, { recursive: true }));

const list = { list: { min: 0, max: null } };
const TYPES = { x: "float32", past: "list<int64>" };
const CAPPED: readonly Link[] = [
  { op: "fillMissing", params: { fillValue: 1 }, columns: ["x"] },
  { op: "clip", params: { max: 2 }, columns: ["x"] },
  { op: "rename", params: { name: "x_capped" }, columns: ["x"] },
];

/** Writes a workflow's folder. */
function write(name: string, plan: string | Plan): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, "workflow.json"), typeof plan === "string" ? plan : printPlan(plan));
}
write("etl", workflowPlan(TYPES, CAPPED));

interface Opened {
  readonly outputs?: readonly ColumnSchema[];
  readonly prepareStep?: PrepareStep;
  readonly onGoldenDifference?: PrepareContext["onGoldenDifference"];
}
/** @param name of the folder */
function open(name: string, { outputs = [], prepareStep = prepareKernel, onGoldenDifference }: Opened = {}) {
  const step = makeStep("transformWorkflow", {
    params: { path: name },
    inputs: { input: ["past", "x"] },
    outputs,
    artefacts: { workflow: `${name}/workflow.json` },
  }) as FittedStep as Parameters<typeof transformWorkflow.prepare>[0];
  return transformWorkflow.prepare(step, { folder, models: noModels, prepareStep, onGoldenDifference });
}

const rows = rootRows(3);
const past = lists("int64", [[1], [], [2, 3]], rows);
const price = scalars("float32", [null, 5, 1.5], rows);

describe("columns", () => {
  test("are inputs by their name in the workflow; the step's own are returned, on their own rows", async () => {
    const kernel = await open("etl", { outputs: [column("past", "int64", list), column("x_capped", "float32")] });
    const made = await kernel.run({ input: [past, price] }, context());
    expect(made.map(plain)).toEqual([
      [[1n], [], [2n, 3n]],
      [1, 2, 1.5],
    ]);
    expect(made.every(col => col.rows === rows)).toBe(true);
    await kernel.close?.();
  });

  test("depend on other rows where a step of the workflow reads them", async () => {
    const links: Link[] = [{ op: "differenceLag", columns: ["x"], params: { shift: 1 }, ports: { partition: ["x"] } }];
    write("lag", workflowPlan(TYPES, links));
    expect((await open("lag")).mixesRows).toBe(true);
    expect((await open("etl")).mixesRows).toBe(false);
  });
});

describe("a folder", () => {
  test.each([
    [
      "of an ensemble",
      printPlan({ ...workflowPlan(TYPES, CAPPED), kind: "ensemble" }),
      "is an ensemble, not a workflow.",
    ],
    ["cut short", printPlan(workflowPlan(TYPES, CAPPED)).slice(0, 100), "is not JSON"],
  ])("%s", async (_, text, message) => {
    write("odd", text);
    await expect(open("odd")).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(message),
    });
  });

  test("that is missing, or whose plan is elsewhere", async () => {
    await expect(open("gone")).rejects.toThrow(/ENOENT.*gone/);
    mkdirSync(join(folder, "linked"));
    symlinkSync("/etc/hostname", join(folder, "linked/workflow.json"));
    await expect(open("linked")).rejects.toThrow("names a file that is not read");
  });
});

describe("kernels inside it", () => {
  /** Kernels that pass their columns on. */
  function kernels() {
    const [prepared, closed]: [string[], string[]] = [[], []];
    const prepareStep: PrepareStep = async ({ id }) => {
      prepared.push(id);
      return { run: ({ input }) => input!, close: () => void closed.push(id) };
    };
    return { prepared, closed, prepareStep };
  }

  test("are closed with it", async () => {
    const { prepared, closed, prepareStep } = kernels();
    const kernel = await open("etl", { prepareStep });
    expect([prepared, closed]).toEqual([["fillMissing_0", "clip_1", "rename_2"], []]);
    await kernel.close?.();
    expect(closed.toSorted()).toEqual(prepared.toSorted());
  });

  const vocabulary = (of: string): ColumnSchema =>
    column("x", "float32", { properties: { vocabulary_sum: `sha256:${of.repeat(64)}` } });
  const fitWith = (sum: string): void => {
    const plan = workflowPlan(TYPES, CAPPED);
    const outputs = plan.outputs.map(({ ref, schema }) => ({
      ref,
      schema: schema.name === "x" ? vocabulary(sum) : schema,
    }));
    write("refit", { ...plan, outputs });
  };

  test("are closed where the folder holds another fit than the ensemble's", async () => {
    fitWith("a");
    const { prepared, closed, prepareStep } = kernels();
    await expect(open("refit", { outputs: [vocabulary("b")], prepareStep })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(
        /refit is another fit than the one of the build. Its ids of `x` are of vocabulary sha256:a{12}, not sha256:b{12},/,
      ),
    });
    expect(prepared).toHaveLength(3);
    expect(closed.toSorted()).toEqual(prepared.toSorted());
    await open("refit", { outputs: [vocabulary("a")] });
    await open("refit", { outputs: [column("x", "float32")] });
  });

  test("another fit is a warning where it may be, and nothing where it is skipped", async () => {
    fitWith("a");
    const warnings: string[] = [];
    const onGoldenDifference = (message: string): void => void warnings.push(message);
    await open("refit", { outputs: [vocabulary("b")], onGoldenDifference });
    expect(warnings).toMatchObject([expect.stringContaining("is another fit than the one of the build")]);
    await open("refit", { outputs: [vocabulary("b")], onGoldenDifference: "skip" });
  });
});

test("golden rows that differ: refused, a warning, or skipped", async () => {
  write("golden", workflowPlan(TYPES, CAPPED));
  const inputs = { x: [7, 0.5], past: [[1], []] };
  const golden = (x_capped: number[]): void =>
    writeFileSync(join(folder, "golden/golden.json"), printGolden({ rows: 2, inputs, outputs: { x_capped } }));
  golden([2, 0.5]);
  await open("golden");
  golden([7, 0.5]);
  const closed: string[] = [];
  const prepareStep: PrepareStep = async (step, at) => {
    const kernel = await prepareKernel(step, at);
    return { ...kernel, close: () => void closed.push(step.id) };
  };
  await expect(open("golden", { prepareStep })).rejects.toThrow(
    /golden rows of \S+golden differ from those stored at its fit: column `x_capped`, row 0, .*is 2, where 7 is expected\. Fit it again/,
  );
  expect(closed).toHaveLength(3);
  const warnings: string[] = [];
  await open("golden", { onGoldenDifference: message => void warnings.push(message) });
  expect(warnings).toMatchObject([expect.stringContaining("`x_capped`, row 0")]);
  await open("golden", { onGoldenDifference: "skip" });
});

/** A fitted workflow inside of a plan: its columns by name, its golden rows, fits that changed, and files that hold no workflow. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { fittedStep } from "#contract/any-step.js";
import type { AnyStep } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { printGolden } from "#runtime/engine/golden/golden-rows.js";
import type { PrepareContext, PrepareStep } from "#runtime/engine/schedule/kernel.js";
import { context, makeStep, noModels, plain, prepareKernel, scalars } from "../../tests/operators/step.js";

const root = mkdtempSync(join(tmpdir(), "merlon-transform-"));
afterAll(() => rmSync(root, { recursive: true }));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, "w-"));
});

const sum = (digit: string): string => `sha256:${digit.repeat(64)}`;
const at = (step: string, name: string) => ({ name, step, column: name });
const [a, b] = [column("a", "float32"), column("b", "float32")];
const clip = (name: "a" | "b", max: number) => ({
  ...{ id: `cap_${name}`, label: `cap_${name}`, op: "clip", params: { max } },
  inputs: { input: [at("request", name)] },
  outputs: [column(name, "float32")],
});
/** `a` at most 10, and `b` at most 20. */
const workflow = (given: object = {}) => ({
  ...{ format: "merlon/plan", version: 1, kind: "workflow", name: "w", inputs: [b, a] },
  steps: [clip("a", 10), clip("b", 20)],
  outputs: [
    { schema: column("a", "float32", { properties: { vocabulary_sum: sum("1") } }), ref: at("cap_a", "a") },
    { schema: b, ref: at("cap_b", "b") },
  ],
  ...given,
});
const write = (plan: object | string = workflow()): void =>
  writeFileSync(join(folder, "workflow.json"), typeof plan === "string" ? plan : JSON.stringify(plan));
const golden = (outputs: Readonly<Record<string, readonly number[]>>): void =>
  writeFileSync(join(folder, "golden.json"), printGolden({ rows: 1, inputs: { a: [15], b: [15] }, outputs }));

const prepare = (outputs: readonly ColumnSchema[], given: Partial<PrepareContext> = {}) =>
  prepareKernel(
    fittedStep(
      makeStep("transformWorkflow", {
        params: { path: "w" },
        inputs: { input: ["a", "b"] },
        outputs,
        artefacts: { workflow: "workflow.json" },
      }) as AnyStep,
    ),
    { folder, models: noModels, ...given },
  );
const rows = rootRows(2);
const given = { input: [scalars("float32", [5, 15], rows), scalars("float32", [15, 25], rows)] };

test("a workflow whose steps read other rows is not for rows of several requests", async () => {
  const lag = {
    ...{ id: "lag", label: "lag", op: "differenceLag", params: { shifts: [1] } },
    inputs: { input: [at("request", "a")], partition: [at("request", "b")] },
    outputs: [column("a", "float32")],
  };
  write(workflow({ steps: [lag], outputs: [{ schema: a, ref: at("lag", "a") }] }));
  expect((await prepare([a])).mixesRows).toBe(true);
});

describe("golden rows", () => {
  const DIFFERENCE = (): string =>
    `golden rows of ${folder} differ from those stored at its fit: column \`b\`, row 0, of step \`cap_b\` (clip) is 15, where 16 is expected. Fit it again with this Merlon, or serve with \`--verify-workflows off\`.`;
  test("that differ refuse the plan, report a warning, or are skipped", async () => {
    write();
    golden({ a: [10], b: [16] });
    await expect(prepare([a])).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: DIFFERENCE() });
    const said: string[] = [];
    await prepare([a], { onGoldenDifference: message => void said.push(message) });
    expect(said).toEqual([DIFFERENCE()]);
    const kernel = await prepare([a], { onGoldenDifference: "skip" });
    expect((await kernel.run(given, context())).map(plain)).toEqual([[5, 10]]);
  });
  test("that are not golden rows are named, unless they are not looked at", async () => {
    write();
    writeFileSync(join(folder, "golden.json"), "{}");
    await expect(prepare([a])).rejects.toThrow(`${join(folder, "golden.json")} does not hold golden rows`);
    await prepare([a], { onGoldenDifference: "skip" });
  });
});

describe("a folder that holds another fit", () => {
  const built = (digit: string) => column("a", "float32", { properties: { vocabulary_sum: sum(digit) } });
  test("than the ensemble was built with is refused, is a warning, or is not looked at", async () => {
    write();
    const message = `${folder} is another fit than the one of the build. Its ids of \`a\` are of vocabulary sha256:111111111111, not sha256:222222222222, and models would read them as ids of the old one. Build the ensemble again with models of this fit, bring back the folder, or serve with \`--verify-workflows off\`.`;
    await expect(prepare([built("2")])).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message });
    const said: string[] = [];
    await prepare([b, built("2")], { onGoldenDifference: text => void said.push(text) });
    expect(said).toEqual([message]);
    await prepare([built("2")], { onGoldenDifference: "skip" });
  });
});

describe("steps inside", () => {
  /** Counts the kernels that are open, of steps that all do nothing. */
  function counted() {
    let open = 0;
    const inner: PrepareStep = async (step, of) => {
      const kernel = await prepareKernel(step, of as never);
      open++;
      return { ...kernel, close: () => void open-- };
    };
    return { open: () => open, prepareStep: inner };
  }
  test("are prepared in the workflow's folder, and closed with it", async () => {
    write();
    const { open, prepareStep } = counted();
    const { transformWorkflow } = await import("./kernel.js");
    const step = makeStep("transformWorkflow", {
      params: { path: "w" },
      inputs: { input: ["a", "b"] },
      outputs: [a],
      artefacts: { workflow: "workflow.json" },
    });
    const kernel = await transformWorkflow.prepare(step as never, { folder, models: noModels, prepareStep } as never);
    expect(open()).toBe(2);
    await kernel.close?.();
    expect(open()).toBe(0);
    golden({ a: [11], b: [15] });
    await expect(
      transformWorkflow.prepare(step as never, { folder, models: noModels, prepareStep } as never),
    ).rejects.toThrow("golden rows");
    expect(open()).toBe(0);
  });
});

describe("a file", () => {
  test("of an ensemble is refused", async () => {
    write(workflow({ kind: "ensemble" }));
    await expect(prepare([a])).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: `${join(folder, "workflow.json")} is an ensemble, not a workflow.`,
    });
  });
  test("that is not a plan, or is missing, is named", async () => {
    write("{}");
    await expect(prepare([a])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(prepare([a])).rejects.toThrow(join(folder, "workflow.json"));
    rmSync(join(folder, "workflow.json"));
    await expect(prepare([a])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

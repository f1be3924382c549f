/** Golden rows and checksums: what a fitted folder says of itself, what `verifyWorkflow` names, and what a server does about it. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { pathInside } from "#contract/files/path-inside.js";
import type { ColumnRef, Step } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { printVocabulary, readVocabulary } from "#operators/categorify/kernel-vocabulary.js";
import { prepareKernel } from "#operators/kernels.js";
import { verifyWorkflow } from "#runtime/etl/verify.js";
import { fitCells, inFolder } from "./run-workflow.js";
import { workflowPlan } from "./workflow-plan.js";

vi.setConfig({ testTimeout: 60_000 });

const TYPES = { brand: "string", id: "int64", price: "float32", tags: "list<string>", ok: "bool", big: "uint64" };
const PLAN = workflowPlan(TYPES, [
  { op: "categorify", columns: ["brand", "id", "tags"] },
  { op: "fillMissing", columns: ["price"] },
  { op: "logOp", columns: ["price"] },
  { op: "normalize", columns: ["price"] },
  { op: "hashBucket", params: { numBuckets: 10 }, columns: ["big"] },
]);
const CELLS = {
  brand: ["a", "b", null, "a", "ü", "b"],
  id: ["9007199254740993", 2, 2, null, 5, 5],
  price: [1, null, 2.5, 100, 0, "inf"].map(x => (x === "inf" ? 3 : x)),
  tags: [["x"], [], null, ["y", "x"], ["x"], ["z"]],
  ok: [true, false, null, true, true, false],
  big: ["18446744073709551615", 1, 2, 3, 4, 5],
};

const refuse = () => Promise.reject(new Error("a workflow calls no model"));

/** Loads the folder as a step of an ensemble does. */
function load(folder: string, onGoldenDifference?: "refuse" | "skip" | ((message: string) => void)) {
  const step: Step<"transformWorkflow"> = {
    id: "etl",
    op: "transformWorkflow",
    label: "etl",
    params: { path: "etl" },
    artefacts: { workflow: pathInside("fitted/workflow.json") },
    inputs: {
      input: PLAN.inputs.map(({ name }) => ({ name, step: "request", column: name })) as [ColumnRef, ...ColumnRef[]],
    },
    outputs: PLAN.inputs.map(({ name }) => column(name, "int64")),
  };
  return prepareKernel(step, {
    folder,
    models: { describe: refuse, infer: refuse },
    ...(onGoldenDifference && { onGoldenDifference }),
  });
}

/** Fits, and then does something to the folder. */
const afterwards = (work: (folder: string, fitted: string) => Promise<void>) =>
  inFolder(async folder => {
    await fitCells(folder, PLAN, CELLS);
    await work(folder, join(folder, "fitted"));
  });

/** Puts `b` before `a`: ids swap, and nothing else is wrong with the file. */
function swapVocabulary(fitted: string): void {
  const file = join(fitted, "categories/unique.brand.arrow");
  const { dtype, values, counts } = readVocabulary(file);
  const [first, second, ...rest] = values as string[];
  writeFileSync(file, printVocabulary({ dtype, values: [second!, first!, ...rest], counts }));
}

describe("a fitted folder", () => {
  test("holds rows of the data with their results, which are reproduced", async () => {
    await afterwards(async (_, fitted) => {
      const golden = JSON.parse(readFileSync(join(fitted, "golden.json"), "utf8"));
      expect(golden.rows).toBe(6);
      expect(golden.inputs.id).toContain("9007199254740993");
      expect(golden.inputs.big).toContain("18446744073709551615");
      const row = golden.inputs.brand.indexOf(null);
      expect([golden.outputs.brand[row], golden.inputs.tags[row], golden.outputs.ok[row]]).toEqual([1, [], null]);
      expect(await verifyWorkflow(fitted)).toEqual({ golden: 6, compared: 0 });
    });
  });
});

describe("an artefact edited by hand", () => {
  test("is named with both checksums, in Arrow and in workflow.json", async () => {
    await afterwards(async (folder, fitted) => {
      const workflow = join(fitted, "workflow.json");
      const written = readFileSync(workflow, "utf8");
      writeFileSync(workflow, written.replace(/"std": [\d.]+/, '"std": 2'));
      const state =
        /workflow\.json: the state of step `normalize_3` has the checksum sha256:[0-9a-f]{12}, but `merlon fit` wrote sha256:[0-9a-f]{12}: it was edited or damaged since\./;
      await expect(verifyWorkflow(fitted)).rejects.toThrow(state);
      await expect(load(folder)).rejects.toThrow(state);
      writeFileSync(workflow, written);
      swapVocabulary(fitted);
      await expect(verifyWorkflow(fitted)).rejects.toThrow(/categories\/unique\.brand\.arrow has the checksum sha256:/);
      await expect(load(folder)).rejects.toThrow(/Run `merlon fit` again, or bring back the file that it wrote\./);
    });
  });

  test("is found by golden rows if checksums are missing: column, row and operator", async () => {
    await afterwards(async (folder, fitted) => {
      const { outputs } = JSON.parse(readFileSync(join(fitted, "golden.json"), "utf8"));
      swapVocabulary(fitted);
      rmSync(join(fitted, "manifest.json"));
      const row = outputs.brand.findIndex((id: number) => id === 3 || id === 4);
      expect((await verifyWorkflow(fitted)).difference).toEqual({
        in: "golden rows",
        column: "brand",
        row,
        step: "categorify_0",
        op: "categorify",
        expected: String(outputs.brand[row]),
        found: outputs.brand[row] === 3 ? "4" : "3",
      });
      const message = /column `brand`, row \d, of step `categorify_0` \(categorify\) is \d, where \d is expected/;
      await expect(load(folder)).rejects.toThrow(message);
      const warnings: string[] = [];
      await load(folder, text => warnings.push(text));
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(message);
      await load(folder, "skip");
    });
  });
});

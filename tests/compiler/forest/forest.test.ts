import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { type ForestOptions, withOptions } from "#compiler/forest/forest.js";
import { forestOutputs, forestToOnnx } from "#compiler/forest/forest-onnx.js";
import { readForest } from "#compiler/forest/read-forest.js";
import { readXgboost } from "#compiler/forest/read-xgboost.js";
import { parseUbjson } from "#compiler/forest/ubjson.js";

const FIXTURES = join(import.meta.dirname, "../../fixtures/forest");
interface Cases {
  readonly rows: readonly (readonly (number | null)[])[];
  readonly cases: readonly (ForestOptions & {
    readonly name: string;
    readonly file: string;
    readonly predicted: readonly number[][];
  })[];
}
const CASES = [
  "cases.json",
  "odd-cases.json",
  "cases-1.7.json",
  "cases-2.1.json",
  "cases-3.2.json",
  "cases-lightgbm.json",
];
const cases = CASES.flatMap(file => {
  const read = JSON.parse(readFileSync(join(FIXTURES, file), "utf8")) as Cases;
  return read.cases.map(one => ({ ...one, rows: read.rows }));
});

describe("predictions are the libraries' own", () => {
  test.each(cases)("$name", async ({ file, rows, predicted, iterations, missing }) => {
    const forest = withOptions(readForest(join(FIXTURES, file)), { iterations, missing });
    // In one thread, as the server runs small models: in float32 the order of a sum is part of its value.
    const session = await InferenceSession.create(forestToOnnx(forest), { intraOpNumThreads: 1 });
    const matrix = rows.flat().map(value => value ?? Number.NaN);
    const features = new Tensor(
      forest.dtype,
      forest.dtype === "float32" ? Float32Array.from(matrix) : Float64Array.from(matrix),
      [rows.length, forest.features],
    );
    const { prediction } = await session.run({ features });
    expect(prediction!.dims).toEqual([rows.length, forestOutputs(forest)]);
    const made = prediction!.data as Float32Array;
    predicted.flat().forEach((value, i) => {
      expect(
        Math.abs(made[i]! - value) / Math.max(1, Math.abs(value)),
        `row ${i}: ${made[i]} for ${value}`,
      ).toBeLessThan(1e-6);
    });
    // A test that a constant would pass says nothing.
    expect(new Set(made).size).toBeGreaterThan(1);
    await session.release();
  });
});

interface BrokenTree {
  readonly left_children: number[];
  readonly right_children: number[];
  readonly split_indices: number[];
  readonly split_conditions: (number | null)[];
}

describe("files that hold no forest are refused", () => {
  const xgboost = () =>
    JSON.parse(readFileSync(join(FIXTURES, "xgboost-logistic.json"), "utf8")) as {
      learner: {
        objective: { name: string };
        gradient_booster: { name: string; model: { trees: { left_children: number[] }[] } };
      };
    };
  test("another objective, another booster, broken trees", () => {
    const objective = xgboost();
    objective.learner.objective.name = "reg:own";
    expect(() => readXgboost(objective, "m.json")).toThrow("m.json was trained for `reg:own`, and Merlon supports");
    const linear = xgboost();
    linear.learner.gradient_booster.name = "gblinear";
    expect(() => readXgboost(linear, "m.json")).toThrow("m.json is a `gblinear` model, which has no trees");
    const broken = xgboost();
    broken.learner.gradient_booster.model.trees[1]!.left_children[0] = 9999;
    expect(() => readXgboost(broken, "m.json")).toThrow("m.json: tree 1, node 0, points at a node that is not there");
    expect(() => readXgboost({ a: 1 }, "m.json")).toThrow("m.json is not a model of XGBoost: learner");
  });
  test.each<[string, (tree: BrokenTree) => void, RegExp]>([
    [
      "a node that two lead to",
      tree => (tree.left_children[1] = tree.left_children[0]!),
      /node \d+, is reached in two ways/,
    ],
    [
      "a walk that never ends",
      tree => (tree.right_children[tree.left_children[0]!] = tree.left_children[0]!),
      /reached in two/,
    ],
    ["a feature beyond the last", tree => (tree.split_indices[0] = 5), /node 0, reads feature 5, and the model has 5/],
    [
      "a leaf that is no number",
      tree => tree.split_conditions.fill(null),
      /node \d+, (is a leaf without a number|has no thr)/,
    ],
  ])("%s, which ONNX Runtime would follow", (_, breakTree, said) => {
    const folder = mkdtempSync(join(tmpdir(), "merlon-forest-"));
    try {
      const document = xgboost();
      breakTree(document.learner.gradient_booster.model.trees[1]! as BrokenTree);
      const file = join(folder, "m.json");
      writeFileSync(file, JSON.stringify(document));
      expect(() => readForest(file)).toThrow(said);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  test("UBJSON cut anywhere is an error, never a hang", () => {
    const bytes = readFileSync(join(FIXTURES, "xgboost-logistic-ubj.ubj"));
    for (let length = 1; length < bytes.length; length += 37)
      expect(() => parseUbjson(bytes.subarray(0, length))).toThrow(/at byte/);
  });
});

// Counts in a forest's file are compared with a limit before tables of that size are made.
import { describe, expect, test } from "vitest";
import { readLightgbm } from "#compiler/forest/read-lightgbm.js";
import { readXgboost } from "#compiler/forest/read-xgboost.js";

const tree = {
  tree_param: { size_leaf_vector: "1" },
  left_children: [-1],
  right_children: [-1],
  split_indices: [0],
  split_conditions: [0.5],
  default_left: [0],
  base_weights: [0.5],
};
const xgboost = (param: object, leaves: object = {}, forest: object = {}) => ({
  learner: {
    learner_model_param: { base_score: "0.5", num_class: "0", num_feature: "3", ...param },
    objective: { name: "reg:squarederror" },
    gradient_booster: {
      name: "gbtree",
      model: {
        trees: [{ ...tree, ...leaves }],
        tree_info: [0],
        gbtree_model_param: { num_parallel_tree: "1", ...forest },
      },
    },
  },
});

describe("XGBoost", () => {
  test("a whole model", () => {
    expect(readXgboost(xgboost({}), "m.json")).toMatchObject({ features: 3, base: [0.5], rounds: [1] });
  });
  test.each([
    ["num_class", { num_class: "100000000" }],
    ["num_target", { num_target: "4294967295" }],
    ["num_feature", { num_feature: "1e30" }],
  ])("%s", (name, param) => {
    expect(() => readXgboost(xgboost(param), "m.json")).toThrow(
      `m.json: ${name} is "${Object.values(param)[0]}"; expected a whole number from 0 to 1000000. Save the model again.`,
    );
  });
  test("vectors of leaves that the file does not hold", () => {
    const of = (size: string) => () => readXgboost(xgboost({}, { tree_param: { size_leaf_vector: size } }), "m.json");
    expect(of("4000000000")).toThrow("m.json: tree 0: size_leaf_vector is");
    expect(of("900000")).toThrow("m.json: tree 0 has leaves of 900000 numbers and stores 1");
  });
});

describe("LightGBM", () => {
  const model = (header: string): string =>
    `tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=2\nobjective=regression\nfeature_names=a b c\n${header}\n\nend of trees\n`;
  test.each(["num_tree_per_iteration", "max_feature_idx"])("%s", name => {
    expect(() => readLightgbm(model(`${name}=3000000000`), "m.txt")).toThrow(`m.txt: ${name} is "3000000000"`);
  });
});

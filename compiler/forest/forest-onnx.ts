/**
 * A forest → an ONNX model of one `TreeEnsembleRegressor` (ai.onnx.ml 3) and the link after it. Input `features` [n, features], output
 * `prediction` float32 [n, outputs]. A split by categories becomes a chain of equality tests whose "yes" is one node. Sums begin with the base,
 * as trees of one leaf, since in float32 the order of a sum is part of its value.
 */
import { type OnnxAttribute, type OnnxNode, printOnnxModel } from "../../formats/onnx/onnx-model.js";
import { type Forest, type ForestNode, NEARLY_ZERO, type Tree } from "./forest.js";
import { type After, FOREST_OUTPUT, linkNodes } from "./forest-links.js";
import { type LinearLeaves, linearLeaves } from "./linear-leaves.js";

export const FOREST_INPUT = "features";

/** The attribute lists of TreeEnsembleRegressor, growing. */
interface Lists {
  readonly treeids: number[];
  readonly nodeids: number[];
  readonly featureids: number[];
  readonly modes: string[];
  readonly values: number[];
  readonly truenodeids: number[];
  readonly falsenodeids: number[];
  readonly missing: number[];
  readonly leafTrees: number[];
  readonly leafNodes: number[];
  readonly leafTargets: number[];
  readonly leafValues: number[];
}

/** How many outputs a prediction has. */
export const forestOutputs = (forest: Forest): number => (forest.link.kind === "argmax" ? 1 : forest.base.length);

export function forestToOnnx(forest: Forest): Uint8Array {
  const { dtype } = forest;
  const bases = forest.base.map((value, target): Tree => ({ target, nodes: [{ kind: "leaf", values: [value] }] }));
  const trees = [...(forest.base.some(b => b !== 0) ? bases : []), ...dividedTrees(forest)];
  const linear = linearLeaves(trees, forest);
  const lists = flatten(linear?.trees ?? trees, linear?.adds);
  const known = markMissing(forest);
  const whole = wholeCategories(forest, known?.made ?? FOREST_INPUT);
  const numbers = (name: string, values: readonly number[]): Record<string, OnnxAttribute> =>
    dtype === "float32"
      ? { [name]: { floats: values } }
      : { [`${name}_as_tensor`]: { tensor: { dtype, shape: [values.length], values } } };
  const targets = linear?.outputs ?? forest.base.length;
  const ensemble: OnnxNode = {
    op: "TreeEnsembleRegressor",
    domain: "ai.onnx.ml",
    inputs: [whole?.made ?? known?.made ?? FOREST_INPUT],
    outputs: [linear ? "parts" : "sums"],
    attributes: {
      aggregate_function: { text: "SUM" },
      post_transform: { text: "NONE" },
      n_targets: { int: targets },
      nodes_treeids: { ints: lists.treeids },
      nodes_nodeids: { ints: lists.nodeids },
      nodes_featureids: { ints: lists.featureids },
      nodes_modes: { texts: lists.modes },
      ...numbers("nodes_values", lists.values),
      nodes_truenodeids: { ints: lists.truenodeids },
      nodes_falsenodeids: { ints: lists.falsenodeids },
      nodes_missing_value_tracks_true: { ints: lists.missing },
      target_treeids: { ints: lists.leafTrees },
      target_nodeids: { ints: lists.leafNodes },
      target_ids: { ints: lists.leafTargets },
      ...numbers("target_weights", lists.leafValues),
    },
  };
  const after = linkNodes(forest.link);
  const product = linear?.sum(known?.made ?? FOREST_INPUT);
  return printOnnxModel({
    name: `${forest.library} ${forest.objective}`,
    opsets: { "": 17, "ai.onnx.ml": 3 },
    inputs: [{ name: FOREST_INPUT, dtype, shape: ["n", forest.features] }],
    outputs: [{ name: FOREST_OUTPUT, dtype: "float32", shape: ["n", forestOutputs(forest)] }],
    nodes: [...(known?.nodes ?? []), ...(whole?.nodes ?? []), ensemble, ...(product?.nodes ?? []), ...after.nodes],
    constants: { ...known?.constants, ...whole?.constants, ...product?.constants, ...after.constants },
    metadata: { library: forest.library, objective: forest.objective },
  });
}

function dividedTrees({ trees, averaged, rounds }: Forest): readonly Tree[] {
  if (!averaged || rounds.length < 2) return trees;
  return trees.map(({ target, nodes }) => ({
    target,
    nodes: nodes.map(node => (node.kind === "leaf" ? dividedLeaf(node, rounds.length) : node)),
  }));
}

function dividedLeaf({ values, linear }: Extract<ForestNode, { kind: "leaf" }>, by: number): ForestNode {
  const parts = (numbers: readonly number[]) => numbers.map(number => number / by);
  if (!linear) return { kind: "leaf", values: parts(values) };
  const { constant, features, coefficients } = linear;
  const divided = { constant: constant / by, features, coefficients: parts(coefficients) };
  return { kind: "leaf", values: parts(values), linear: divided };
}

function flatten(
  trees: readonly Tree[],
  adds: LinearLeaves["adds"] = ({ values }, target) => values.map((value, i) => [target + i, value]),
): Lists {
  const lists: Lists = {
    treeids: [],
    nodeids: [],
    featureids: [],
    modes: [],
    values: [],
    truenodeids: [],
    falsenodeids: [],
    missing: [],
    leafTrees: [],
    leafNodes: [],
    leafTargets: [],
    leafValues: [],
  };
  trees.forEach(({ nodes, target }, tree) => {
    let extra = nodes.length;
    const add = (
      id: number,
      feature: number,
      mode: string,
      value: number,
      yes: number,
      no: number,
      missing: number,
    ) => {
      lists.treeids.push(tree);
      lists.nodeids.push(id);
      lists.featureids.push(feature);
      lists.modes.push(mode);
      lists.values.push(value);
      lists.truenodeids.push(yes);
      lists.falsenodeids.push(no);
      lists.missing.push(missing);
    };
    const split = (id: number, node: Exclude<ForestNode, { kind: "leaf" }>) => {
      const missing = node.missing === "yes" ? 1 : 0;
      if (node.kind === "number") {
        const mode = node.test === "<" ? "BRANCH_LT" : "BRANCH_LEQ";
        const zeroGoes = node.test === "<" ? 0 < node.threshold : 0 <= node.threshold;
        if (node.zeroIsMissing && zeroGoes !== (node.missing === "yes")) {
          // Zero follows missing values, against the threshold.
          const [near, test] = [extra++, extra++];
          add(id, node.feature, "BRANCH_LT", -NEARLY_ZERO, test, near, 0);
          add(near, node.feature, "BRANCH_LEQ", NEARLY_ZERO, missing ? node.yes : node.no, test, 1);
          add(test, node.feature, mode, node.threshold, node.yes, node.no, missing);
        } else add(id, node.feature, mode, node.threshold, node.yes, node.no, missing);
        return;
      }
      // No category: always "no", unless missing.
      if (node.categories.length === 0)
        add(id, node.feature, "BRANCH_LT", Number.NEGATIVE_INFINITY, node.yes, node.no, missing);
      let at = id;
      const last = node.categories.length - 1;
      node.categories.forEach((category, i) => {
        const next = i === last ? node.no : extra++;
        add(at, node.feature, "BRANCH_EQ", category, node.yes, next, missing);
        at = next;
      });
    };
    nodes.forEach((node, id) => {
      if (node.kind !== "leaf") split(id, node);
      else {
        add(id, 0, "LEAF", 0, 0, 0, 0);
        for (const [output, value] of adds(node, target)) {
          lists.leafTrees.push(tree);
          lists.leafNodes.push(id);
          lists.leafTargets.push(output);
          lists.leafValues.push(value);
        }
      }
    });
  });
  return lists;
}

/** The transformation of features before the trees. */
interface Before extends After {
  /** Name of the features then. */
  readonly made: string;
}

/** Turns the number that marks a missing value into NaN; undefined if there is none. */
function markMissing({ missing, dtype }: Forest): Before | undefined {
  if (missing === undefined) return undefined;
  return {
    made: "known",
    nodes: [
      { op: "Equal", inputs: [FOREST_INPUT, "missing"], outputs: ["is_missing"] },
      { op: "Where", inputs: ["is_missing", "nan", FOREST_INPUT], outputs: ["known"] },
    ],
    constants: {
      missing: { dtype, shape: [], values: [missing] },
      nan: { dtype, shape: [], values: [Number.NaN] },
    },
  };
}

/** Features by category, brought to whole numbers before the trees; undefined where there are none. */
function wholeCategories({ trees, features, dtype, wholeCategories: way }: Forest, input: string): Before | undefined {
  const values = new Uint8Array(features);
  for (const { nodes } of trees) for (const node of nodes) if (node.kind === "category") values[node.feature] = 1;
  if (!values.includes(1)) return undefined;
  const rounded: readonly OnnxNode[] =
    way === "floor"
      ? [{ op: "Floor", inputs: [input], outputs: ["rounded"] }]
      : [
          { op: "Mod", inputs: [input, "one"], outputs: ["fraction"], attributes: { fmod: { int: 1 } } },
          { op: "Sub", inputs: [input, "fraction"], outputs: ["rounded"] },
        ];
  return {
    made: "whole",
    nodes: [...rounded, { op: "Where", inputs: ["categorical", "rounded", input], outputs: ["whole"] }],
    constants: {
      categorical: { dtype: "bool", shape: [1, features], values },
      ...(way === "truncate" && { one: { dtype, shape: [], values: [1] } }),
    },
  };
}

/**
 * Leaves with a linear model each → leaves that add to more outputs: for each output of the forest a constant and a coefficient per feature. The trees sum
 * them, and one product with the features ends it. A leaf that would read a NaN has a number instead, so each is behind tests for NaN.
 *
 * ONNX Runtime sums in float64 and answers float32, too little for a coefficient that meets a large feature. Each number is therefore split
 * in two. One part is a multiple of a power of two, so coarse that all sums are exact in float32. The other is the rest.
 */
import type { OnnxNode } from "../../formats/onnx/onnx-model.js";
import type { Forest, ForestNode, Tree } from "./forest.js";
import type { After } from "./forest-links.js";

type Leaf = Extract<ForestNode, { kind: "leaf" }>;
export type Adds = readonly (readonly [output: number, value: number])[];

export interface LinearLeaves {
  readonly trees: readonly Tree[];
  /** Outputs of the trees. */
  readonly outputs: number;
  /** The values that a leaf adds to them. */
  readonly adds: (leaf: Leaf, target: number) => Adds;
  /** `sums` [n, outputs of the forest] float32 of `parts` [n, outputs] and the features. */
  readonly sum: (features: string) => After;
}

/** @param trees the forest's, and those that its sums begin with; undefined where no leaf is linear */
export function linearLeaves(trees: readonly Tree[], { base, dtype }: Forest): LinearLeaves | undefined {
  const used = [
    ...new Set(
      trees.flatMap(({ nodes }) => nodes.flatMap(node => (node.kind === "leaf" ? (node.linear?.features ?? []) : []))),
    ),
  ];
  if (!trees.some(({ nodes }) => nodes.some(node => node.kind === "leaf" && node.linear))) return undefined;
  const width = used.length + 1;
  const half = base.length * width;
  const place = new Map(used.map((feature, i) => [feature, i + 1]));
  const whole = ({ values, linear }: Leaf, target: number): Adds =>
    linear
      ? [
          [target * width, linear.constant],
          ...linear.features.map(
            (feature, i) => [target * width + place.get(feature)!, linear.coefficients[i]!] as const,
          ),
        ]
      : [[target * width, values[0]!]];
  const tested = trees.map(testForNaN);
  const grid = gridOf(tested, half, whole);
  return {
    trees: tested,
    outputs: 2 * half,
    adds: (leaf, target) =>
      whole(leaf, target).flatMap(([output, value]) => {
        const coarse = Math.round(value / grid[output]!) * grid[output]!;
        return [[output, coarse] as const, [half + output, value - coarse] as const];
      }),
    sum: features => ({
      nodes: product(features),
      constants: {
        used: { dtype: "int64", shape: [used.length], values: used },
        zero_number: { dtype, shape: [], values: [0] },
        one_number: { dtype, shape: [], values: [1] },
        least: { dtype, shape: [], values: [-Number.MAX_VALUE] },
        most: { dtype, shape: [], values: [Number.MAX_VALUE] },
        halves: { dtype: "int64", shape: [4], values: [-1, 2, base.length, width] },
        one_more: { dtype: "int64", shape: [4], values: [0, 1, 0, 0] },
        first_axis: { dtype: "int64", shape: [1], values: [1] },
        last_axis: { dtype: "int64", shape: [1], values: [2] },
      },
    }),
  };
}

/** Infinity is the largest number: times a coefficient of 0 it adds nothing. */
function product(features: string): OnnxNode[] {
  const double = { to: { int: 11 } };
  const once = { keepdims: { int: 0 } };
  return [
    { op: "Gather", inputs: [features, "used"], outputs: ["raw"], attributes: { axis: { int: 1 } } },
    { op: "IsNaN", inputs: ["raw"], outputs: ["is_nan"] },
    { op: "Where", inputs: ["is_nan", "zero_number", "raw"], outputs: ["numbers"] },
    { op: "Clip", inputs: ["numbers", "least", "most"], outputs: ["finite"] },
    { op: "Pad", inputs: ["finite", "one_more", "one_number"], outputs: ["factors"] },
    { op: "Unsqueeze", inputs: ["factors", "first_axis"], outputs: ["each_factor"] },
    { op: "Cast", inputs: ["parts"], outputs: ["exact_parts"], attributes: double },
    { op: "Reshape", inputs: ["exact_parts", "halves"], outputs: ["both"] },
    { op: "ReduceSum", inputs: ["both", "first_axis"], outputs: ["coefficients"], attributes: once },
    { op: "Mul", inputs: ["coefficients", "each_factor"], outputs: ["terms"] },
    { op: "ReduceSum", inputs: ["terms", "last_axis"], outputs: ["exact_sums"], attributes: once },
    { op: "Cast", inputs: ["exact_sums"], outputs: ["sums"], attributes: { to: { int: 1 } } },
  ];
}

/** Before each linear leaf, for each of its features: a NaN leads to a leaf with the number. */
function testForNaN({ target, nodes }: Tree): Tree {
  const made: ForestNode[] = [...nodes];
  nodes.forEach((node, i) => {
    if (node.kind !== "leaf" || !node.linear || node.linear.features.length === 0) return;
    const { features } = node.linear;
    const model = made.push(node) - 1;
    // The first test takes the leaf's place, the others are appended.
    const places = features.map((_, k) => (k === 0 ? i : made.push(node) - 1));
    features.forEach((feature, k) => {
      // A leaf for each test: ONNX Runtime requires a single path to a node.
      const plain = made.push({ kind: "leaf", values: node.values }) - 1;
      made[places[k]!] = {
        kind: "number",
        feature,
        test: "<=",
        threshold: Number.POSITIVE_INFINITY,
        yes: places[k + 1] ?? model,
        no: plain,
        missing: "no",
      };
    });
  });
  return { target, nodes: made };
}

/** For each output a power of two, of which float32 holds every sum of multiples exactly: a row takes one leaf of each tree. */
function gridOf(trees: readonly Tree[], outputs: number, adds: LinearLeaves["adds"]): Float64Array {
  const sums = new Float64Array(outputs);
  for (const { target, nodes } of trees) {
    const most = new Map<number, number>();
    for (const node of nodes)
      if (node.kind === "leaf")
        for (const [output, value] of adds(node, target))
          most.set(output, Math.max(most.get(output) ?? 0, Math.abs(value)));
    for (const [output, value] of most) sums[output]! += value;
  }
  return sums.map(sum => (sum === 0 ? 1 : 2 ** (Math.ceil(Math.log2(sum)) - 22)));
}

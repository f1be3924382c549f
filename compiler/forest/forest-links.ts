/** The link from the sums of a forest's leaves to predictions, as nodes of ONNX. */
import type { OnnxConstant, OnnxNode } from "../../formats/onnx/onnx-model.js";
import type { ForestLink } from "./forest.js";

/** Name of the predictions. */
export const FOREST_OUTPUT = "prediction";

/** Nodes after the trees, or before them. */
export interface After {
  readonly nodes: readonly OnnxNode[];
  readonly constants: Readonly<Record<string, OnnxConstant>>;
}

/** `sums` [n, outputs] → the prediction. */
export function linkNodes(link: ForestLink): After {
  const one = (op: string, attributes: OnnxNode["attributes"] = {}, inputs = ["sums"]): OnnxNode => ({
    op,
    inputs,
    outputs: [FOREST_OUTPUT],
    attributes,
  });
  const scalar = (value: number): OnnxConstant => ({ dtype: "float32", shape: [], values: [value] });
  switch (link.kind) {
    case "identity":
      return { nodes: [one("Identity")], constants: {} };
    case "exp":
      return { nodes: [one("Exp")], constants: {} };
    case "softplus":
      return { nodes: [one("Softplus")], constants: {} };
    case "softmax":
      return { nodes: [one("Softmax", { axis: { int: 1 } })], constants: {} };
    case "sigmoid":
      return {
        nodes: [{ op: "Mul", inputs: ["sums", "slope"], outputs: ["steep"] }, one("Sigmoid", {}, ["steep"])],
        constants: { slope: scalar(link.slope) },
      };
    case "argmax":
      return {
        nodes: [
          { op: "ArgMax", inputs: ["sums"], outputs: ["best"], attributes: { axis: { int: 1 }, keepdims: { int: 1 } } },
          one("Cast", { to: { int: 1 } }, ["best"]),
        ],
        constants: {},
      };
    case "sign":
      return {
        nodes: [
          { op: "Greater", inputs: ["sums", "zero"], outputs: ["positive"] },
          one("Cast", { to: { int: 1 } }, ["positive"]),
        ],
        constants: { zero: scalar(0) },
      };
    case "signedSquare":
      return {
        nodes: [{ op: "Abs", inputs: ["sums"], outputs: ["size"] }, one("Mul", {}, ["sums", "size"])],
        constants: {},
      };
    default:
      return link satisfies never;
  }
}

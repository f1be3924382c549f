/** A small network, as it ranks candidates in many shops: 64-256-128-1. */
import { printOnnxModel } from "../../../dist/formats/onnx/onnx-model.js";

const WIDTHS = [64, 256, 128, 1];

const weights = (n, seed) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.3 + seed) / 16);

/** Bytes of an ONNX model from `x`, rows of 64 FP32, to `y`, one of each. */
export function mlpModel() {
  const nodes = [];
  const constants = {};
  let from = "x";
  WIDTHS.slice(1).forEach((width, i) => {
    const last = i === WIDTHS.length - 2;
    constants[`w${i}`] = { dtype: "float32", shape: [WIDTHS[i], width], values: weights(WIDTHS[i] * width, i) };
    constants[`b${i}`] = { dtype: "float32", shape: [width], values: weights(width, i) };
    nodes.push({ op: "Gemm", inputs: [from, `w${i}`, `b${i}`], outputs: [last ? "y" : `h${i}`] });
    if (!last) nodes.push({ op: "Relu", inputs: [`h${i}`], outputs: [`r${i}`] });
    from = `r${i}`;
  });
  return printOnnxModel({
    name: "mlp",
    opsets: { "": 17 },
    inputs: [{ name: "x", dtype: "float32", shape: ["n", 64] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["n", 1] }],
    nodes,
    constants,
  });
}

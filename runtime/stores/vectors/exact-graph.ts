/**
 * Vectors → an ONNX graph that scores a batch of queries against all of them and keeps the best: `Gemm`, then `TopK`.
 */
import { printOnnxModel } from "../../../formats/onnx/onnx-model.js";

/**
 * Inputs `query` float32[batch, dimension] and `k` int64[1]; outputs `score` float32[batch, k], best first, and `place` int64[batch, k].
 * The score is the inner product, or, with squares, 2 q·x − |x|², which orders as the squared distance |q − x|² does, backwards.
 * @param squares |x|² of each vector, for L2
 */
export function exactGraph(vectors: Float32Array, dimension: number, squares?: Float32Array): Uint8Array {
  const count = vectors.length / dimension;
  const bias = squares?.map(square => -square);
  const float32 = (name: string, shape: readonly (string | number)[]) => ({ name, dtype: "float32", shape }) as const;
  const int64 = (name: string, shape: readonly (string | number)[]) => ({ name, dtype: "int64", shape }) as const;
  return printOnnxModel({
    name: "exact",
    opsets: { "": 17 },
    inputs: [float32("query", ["batch", dimension]), int64("k", [1])],
    outputs: [float32("score", ["batch", "found"]), int64("place", ["batch", "found"])],
    nodes: [
      {
        op: "Gemm",
        inputs: ["query", "vectors", ...(bias ? ["bias"] : [])],
        outputs: ["scores"],
        attributes: { transB: { int: 1 }, alpha: { float: bias ? 2 : 1 } },
      },
      { op: "TopK", inputs: ["scores", "k"], outputs: ["score", "place"] },
    ],
    constants: {
      vectors: { dtype: "float32", shape: [count, dimension], values: vectors },
      ...(bias && { bias: { dtype: "float32" as const, shape: [count], values: bias } }),
    },
  });
}

/**
 * Vectors → an ONNX graph that scores a batch of queries against all of them and keeps the best: `Gemm`, then `TopK`.
 */
import {
  bytesMember,
  fixed32Member,
  message,
  stringField,
  varint,
  varintField,
} from "../../triton-protos/artefacts/wire-writer.js";

const [FLOAT, INT64] = [1, 7];

/**
 * Inputs `query` float32[batch, dimension] and `k` int64[1]; outputs `score` float32[batch, k], best first, and `place` int64[batch, k].
 * The score is the inner product, or, with squares, 2 q·x − |x|², which orders as the squared distance |q − x|² does, backwards.
 * @param squares |x|² of each vector, for L2
 */
export function exactGraph(vectors: Float32Array, dimension: number, squares?: Float32Array): Uint8Array {
  const count = vectors.length / dimension;
  const bias = squares?.map(square => -square);
  const gemm = message(
    stringField(1, "query"),
    stringField(1, "vectors"),
    ...(bias ? [stringField(1, "bias")] : []),
    stringField(2, "scores"),
    stringField(4, "Gemm"),
    // AttributeProto: name 1, f 2, i 3, type 20 (1 float, 2 int).
    bytesMember(5, message(stringField(1, "transB"), varintField(3, 1), varintField(20, 2))),
    bytesMember(5, message(stringField(1, "alpha"), fixed32Member(2, bias ? 2 : 1), varintField(20, 1))),
  );
  const topK = message(
    stringField(1, "scores"),
    stringField(1, "k"),
    stringField(2, "score"),
    stringField(2, "place"),
    stringField(4, "TopK"),
  );
  const graph = message(
    bytesMember(1, gemm),
    bytesMember(1, topK),
    stringField(2, "exact"),
    tensor("vectors", [count, dimension], vectors),
    ...(bias ? [tensor("bias", [count], bias)] : []),
    value(11, "query", FLOAT, ["batch", dimension]),
    value(11, "k", INT64, [1]),
    value(12, "score", FLOAT, ["batch", "found"]),
    value(12, "place", INT64, ["batch", "found"]),
  );
  // ModelProto: IR version 8, operator set 17.
  return message(varintField(1, 8), bytesMember(7, graph), bytesMember(8, varintField(2, 17)));
}

function tensor(name: string, shape: readonly number[], data: Float32Array): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const dims = message(...shape.map(size => varint(size)));
  return bytesMember(
    5,
    message(bytesMember(1, dims), varintField(2, FLOAT), stringField(8, name), bytesMember(9, bytes)),
  );
}

function value(field: number, name: string, type: number, shape: readonly (string | number)[]): Uint8Array {
  const dims = shape.map(size =>
    bytesMember(1, typeof size === "string" ? stringField(2, size) : varintField(1, size)),
  );
  const tensorType = message(varintField(1, type), bytesMember(2, message(...dims)));
  return bytesMember(field, message(stringField(1, name), bytesMember(2, bytesMember(1, tensorType))));
}

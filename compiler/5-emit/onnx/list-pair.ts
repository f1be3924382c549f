/** Lists that are a rectangle in a graph → their items one after the other, and where each list begins. */
import { concat, flat, int64, scalar } from "../../onnx/elementary.js";
import type { GraphBuilder, Value } from "../../onnx/graph-builder.js";

export interface ListPair {
  readonly values: Value;
  /** int64[n + 1] */
  readonly offsets: Value;
}

/** Entries where the flag is set. */
export const compress = (g: GraphBuilder, values: Value, flags: Value): Value =>
  g.op("Compress", [values, flags], values.dtype, { attributes: { axis: { int: 0 } } });

/** @param there bool in the shape of the rectangle: which of its places are items */
export const flatItems = (g: GraphBuilder, rectangle: Value, there: Value): Value =>
  compress(g, flat(g, rectangle), flat(g, there));

/** @param lengths int64[n] @returns int64[n + 1] */
export const offsetsOf = (g: GraphBuilder, lengths: Value): Value =>
  concat(g, [int64(g, 0), g.op("CumSum", [lengths, scalar(g, "int64", 0n)], "int64")]);

/** Query vectors → the nearest of a table's: one product with all of them, and a `TopK`. */

import {
  cast,
  concat,
  expand,
  gather,
  gatherElements,
  greater,
  int64,
  less,
  mul,
  reduce,
  scalar,
  slice,
  sub,
  topK,
  unsqueeze,
  where,
} from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import type { FaissHeader } from "../../../formats/faiss/faiss.js";
import { isList, type LoweredColumn, presentItems } from "./lowered-column.js";
import type { LowerContext } from "./lowering.js";

/** Scores of L2 lose digits by cancellation; this number of extra candidates is compared again without it. */
const SPARE = 16;

export interface Hits {
  /** int64[users, width] */
  readonly ids: Value;
  /** int64[1] */
  readonly width: Value;
  /** bool[users, width]; absent: every place has a hit. */
  readonly found?: Value;
  readonly distances: () => Value;
}

export type Vectors = { readonly vectors: Float32Array; readonly ids: BigInt64Array };

/** The `k` vectors that are nearest to each query, past the excluded ones. */
export function exactSearch(
  context: LowerContext,
  { vectors, ids }: Vectors,
  { dimension, metric, ntotal }: Pick<FaissHeader, "dimension" | "metric" | "ntotal">,
  queries: Value,
  k: number,
  exclude: LoweredColumn | undefined,
): Hits {
  const { g } = context;
  const table = g.constant("float32", [ntotal, dimension], vectors);
  const bias = metric === "l2" ? [g.constant("float32", [ntotal], minusSquares(vectors, dimension))] : [];
  const all = g.op("Gemm", [queries, table, ...bias], "float32", {
    attributes: { transB: { int: 1 }, alpha: { float: metric === "l2" ? 2 : 1 } },
  });
  const idTable = g.constant("int64", [ntotal], ids);
  const scores = exclude ? withoutExcluded(context, all, exclude, ids) : all;
  const wide = metric === "l2" ? Math.min(ntotal, k + SPARE) : k;
  const first = topK(g, scores, int64(g, wide));
  const found = (values: Value) =>
    exclude ? { found: greater(g, values, scalar(g, "float32", Number.NEGATIVE_INFINITY)) } : {};
  if (metric === "ip")
    return {
      ids: gather(g, idTable, first.at),
      width: int64(g, k),
      ...found(first.values),
      distances: () => first.values,
    };
  const near = squaredDistances(g, queries, gather(g, table, first.at));
  const open = exclude
    ? where(g, found(first.values).found!, near, scalar(g, "float32", Number.POSITIVE_INFINITY))
    : near;
  const best = topK(g, open, int64(g, k), false);
  const at = gatherElements(g, first.at, best.at);
  const there = exclude && { found: less(g, best.values, scalar(g, "float32", Number.POSITIVE_INFINITY)) };
  return { ids: gather(g, idTable, at), width: int64(g, k), ...there, distances: () => best.values };
}

export function minusSquares(vectors: Float32Array, dimension: number): Float32Array {
  const squares = new Float32Array(vectors.length / dimension);
  for (let i = 0; i < squares.length; i++) {
    let sum = 0;
    for (let j = i * dimension; j < (i + 1) * dimension; j++) sum += vectors[j]! ** 2;
    squares[i] = -sum;
  }
  return squares;
}

/** Σ (v − q)² in float64, then float32. @param vectors float32[users, n, dimension] */
export function squaredDistances(g: GraphBuilder, queries: Value, vectors: Value): Value {
  const off = sub(g, cast(g, vectors, "float64"), unsqueeze(g, cast(g, queries, "float64"), 1));
  return cast(g, reduce(g, "ReduceSum", mul(g, off, off), 2), "float32");
}

/** Excluded vectors score −∞; one place more than there are vectors takes the ids that the index does not have. */
function withoutExcluded({ g }: LowerContext, scores: Value, exclude: LoweredColumn, ids: BigInt64Array): Value {
  const list = isList(exclude)
    ? exclude
    : {
        ...exclude,
        width: 1,
        values: unsqueeze(g, exclude.values, 1),
        ...(exclude.valid && { valid: unsqueeze(g, exclude.valid, 1) }),
      };
  const present = presentItems(g, list);
  const places = encodeIds(g, list.values, ids);
  const at = present ? where(g, present, places, int64(g, ids.length)) : places;
  const nothing = scalar(g, "float32", Number.NEGATIVE_INFINITY);
  const rows = g.op("Shape", [at], "int64", { attributes: { start: { int: 0 }, end: { int: 1 } } });
  const wide = concat(g, [scores, expand(g, nothing, concat(g, [rows, int64(g, 1)]))], 1);
  const updates = expand(g, nothing, g.op("Shape", [at], "int64"));
  const marked = g.op("ScatterElements", [wide, at, updates], "float32", { attributes: { axis: { int: 1 } } });
  return slice(g, marked, int64(g, 0), int64(g, ids.length), 1);
}

const encodeIds = (g: GraphBuilder, values: Value, ids: BigInt64Array): Value =>
  g.op("LabelEncoder", [values], "int64", {
    domain: "ai.onnx.ml",
    attributes: {
      keys_int64s: { ints: [...ids] },
      values_int64s: { ints: Array.from(ids, (_, i) => i) },
      default_int64: { int: ids.length },
    },
  });

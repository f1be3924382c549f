/** Pairs of ids → the inner product of their fitted features: features of each id are a row of a table, and equal ones are multiplied. */

import {
  and,
  equal,
  expand,
  gather,
  greaterOrEqual,
  int64,
  less,
  mul,
  or,
  reduce,
  scalar,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import type { ArrowColumn } from "../../formats/arrow/arrow-columns.js";
import { readTable } from "../shared/onnx/key-places.js";
import { type LoweredColumn, nulls } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const columnSimilarity: Lowering<"columnSimilarity"> = (step, { input }, context) => {
  const { g } = context;
  const names = step.inputs.input.map(ref => ref.name);
  const matrix = (file: string, absent: number) => featuresOf(readTable(context, file), absent);
  // The two sides have different numbers for missing features, so that these never match.
  const [left, right] = [matrix(step.state.left, -1), matrix(step.state.right, -2)];
  return step.params.groups.map(([first, second]): LoweredColumn => {
    const [a, b] = [input[names.indexOf(first!)]!, input[names.indexOf(second!)]!];
    const x = pick(g, left, a.values);
    const y = pick(g, right, b.values);
    const meets = equal(g, unsqueeze(g, x.columns, 2), unsqueeze(g, y.columns, 1));
    const products = mul(g, unsqueeze(g, x.weights, 2), unsqueeze(g, y.weights, 1));
    const kept = where(g, meets, products, scalar(g, "float64", 0));
    const sums = reduce(g, "ReduceSum", reduce(g, "ReduceSum", kept, 2), 1);
    const [missingA, missingB] = [nulls(g, a), nulls(g, b)];
    const missing = missingA && missingB ? or(g, missingA, missingB) : (missingA ?? missingB);
    const values = missing ? where(g, missing, scalar(g, "float64", Number.NaN), sums) : sums;
    return { dtype: "float64", rows: a.rows, values };
  });
};

interface Features {
  readonly rows: number;
  readonly width: number;
  readonly columns: BigInt64Array;
  readonly weights: Float64Array;
}

/** Row r has the features of id r; the last row has none. */
function featuresOf({ row, column, weight }: Readonly<Record<string, ArrowColumn>>, absent: number): Features {
  const rows = row!.values as Int32Array;
  const count = (rows.at(-1) ?? -1) + 2;
  const sizes = new Int32Array(count);
  for (const r of rows) sizes[r]!++;
  const width = Math.max(1, ...sizes);
  const columns = new BigInt64Array(count * width).fill(BigInt(absent));
  const weights = new Float64Array(count * width);
  sizes.fill(0);
  rows.forEach((r, i) => {
    const at = r * width + sizes[r]!++;
    columns[at] = BigInt((column!.values as Int32Array)[i]!);
    weights[at] = (weight!.values as Float64Array)[i]!;
  });
  return { rows: count, width, columns, weights };
}

function pick(g: GraphBuilder, { rows, width, columns, weights }: Features, ids: Value) {
  const last = int64(g, rows - 1);
  const known = and(g, greaterOrEqual(g, ids, int64(g, 0)), less(g, ids, last));
  const at = where(g, known, ids, expand(g, last, g.op("Shape", [ids], "int64")));
  return {
    columns: gather(g, g.constant("int64", [rows, width], columns), at),
    weights: gather(g, g.constant("float64", [rows, width], weights), at),
  };
}

/** Rows → the same candidates for each: a constant row, repeated. */
import { concat, expand, flat, int64 } from "../../compiler/onnx/elementary.js";
import { childRows } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const constantCandidates: Lowering<"constantCandidates"> = (step, { input }, { g }) => {
  const { ids, dtype } = step.params;
  const width = int64(g, ids.length);
  const row = g.constant(dtype, [1, ids.length], dtype === "string" ? ids : ids.map(BigInt));
  const rows = childRows(g, step.id, input[0].rows, width, { packed: true });
  const values = flat(g, expand(g, row, concat(g, [input[0].rows.count, width])));
  return [{ dtype, rows, values, ...(dtype === "string" && { domain: new Set(ids) }) }];
};

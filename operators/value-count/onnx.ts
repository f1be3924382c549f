/** Lists → the same lists; as vectors where every fitted list had one length. */
import { equal, guarded, int64, not, slice } from "../../compiler/onnx/elementary.js";
import { zip } from "../../contract/lists.js";
import { fixedLength } from "../../contract/schema.js";
import { amongTaken } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const valueCount: Lowering<"valueCount"> = (step, { input }, { g }) =>
  zip(input, step.outputs).map(([col, made]) => {
    const width = fixedLength(made);
    if (!col.lengths || width === undefined) return col;
    const bad = amongTaken(g, not(g, equal(g, col.lengths, int64(g, width))), col.rows, false);
    const reason = `step ${step.label} (valueCount): a list of column ${made.name} has not the ${width} values that every fitted one had`;
    const cut = (value: NonNullable<typeof col.valid>) => slice(g, value, int64(g, 0), int64(g, width), 1);
    const { lengths: _, ...rest } = col;
    return {
      ...rest,
      width,
      values: guarded(g, cut(col.values), bad, reason),
      ...(col.valid && { valid: cut(col.valid) }),
    };
  });

/** Numbers → the same in the dtypes that the fit found; one that does not fit ends the request. */
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { and, cast, greater, guarded, less, or, scalar, where } from "../onnx/elementary.js";
import { rangeOf } from "./clip.js";
import { amongTaken, isFloat, isList, like } from "./lowered-column.js";
import type { Lowering } from "./lowering.js";

export const reduceDtypeSize: Lowering<"reduceDtypeSize"> = (step, { input = [] }, { g }) =>
  input.map((col, i) => {
    const { name, dtype } = step.outputs[i]!;
    if (dtype === col.dtype) return col;
    if (isFloat(col)) return like(col, dtype, cast(g, col.values, dtype));
    const kind: DType = col.dtype === "uint64" ? "uint64" : "int64";
    const values = cast(g, col.values, kind);
    const { min, max } = rangeOf(dtype);
    const beyond = greater(g, values, scalar(g, kind, max));
    const outside = datatype(col.dtype).kind === "int" ? or(g, less(g, values, scalar(g, kind, min)), beyond) : beyond;
    const bad = col.valid ? and(g, outside, col.valid) : outside;
    const reason = `step ${step.label} (reduceDtypeSize): column ${name} holds an integer that ${dtype} can not hold`;
    const known = col.valid ? where(g, col.valid, col.values, scalar(g, "int64", 0n)) : col.values;
    return like(col, dtype, guarded(g, known, amongTaken(g, bad, col.rows, isList(col)), reason), col.valid);
  });

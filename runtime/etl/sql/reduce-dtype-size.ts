/** `reduceDtypeSize` in SQL: a cast, which fails on a value that does not fit, as the kernel does. */
import { sqlType } from "./literal.js";
import { each, type SqlForm, toFloat32 } from "./sql-form.js";

export const reduceDtypeSize: SqlForm<"reduceDtypeSize"> = (step, inputs) =>
  inputs.map((col, i) => {
    const { dtype } = step.outputs[i]!;
    if (dtype === col.dtype) return col.sql;
    return each(col, v => (dtype === "float32" ? toFloat32(v) : `CAST(${v} AS ${sqlType(dtype)})`));
  });

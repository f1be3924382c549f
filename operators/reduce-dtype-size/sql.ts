/** `reduceDtypeSize` in SQL: a cast, which fails on a value that does not fit, as the kernel does. */
import { zip } from "../../contract/lists.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const reduceDtypeSize: SqlForm<"reduceDtypeSize"> = (step, inputs, { sql }) =>
  zip(inputs, step.outputs).map(([col, { dtype }]) => {
    if (dtype === col.dtype) return col.sql;
    return sql.each(col, v => (dtype === "float32" ? sql.toFloat32(v) : `CAST(${v} AS ${sql.type(dtype)})`));
  });

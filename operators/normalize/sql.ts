/** `normalize` in SQL, in float64 as the kernel computes. */
import { learntOf } from "../../contract/learnt-columns.js";
import { zip } from "../../contract/lists.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const normalize: SqlForm<"normalize"> = (step, inputs, { sql }) =>
  zip(inputs, step.inputs.input).map(([col, { name }]) => {
    const { mean, std } = learntOf(step, name);
    const scaled = sql.eachAs(col, "float64", v => {
      const centred = `(CAST(${v} AS DOUBLE) - ${sql.constant(mean, "float64")})`;
      return std > 0 ? `${centred} / ${sql.constant(std, "float64")}` : centred;
    });
    return step.params.outDtype === "float32" ? sql.each(scaled, sql.toFloat32) : scaled.sql;
  });

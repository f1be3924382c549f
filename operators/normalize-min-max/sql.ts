/** `normalizeMinMax` in SQL, in float64 as the kernel computes. */
import { learntOf } from "../../contract/learnt-columns.js";
import { zip } from "../../contract/lists.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const normalizeMinMax: SqlForm<"normalizeMinMax"> = (step, inputs, { sql }) =>
  zip(inputs, step.inputs.input).map(([col, { name }]) => {
    const { min, max } = learntOf(step, name);
    const scaled = sql.eachAs(col, "float64", v =>
      max > min
        ? `(CAST(${v} AS DOUBLE) - ${sql.constant(min, "float64")}) / ${sql.constant(max - min, "float64")}`
        : `CASE WHEN ${v} IS NOT NULL THEN ${sql.constant(0.5, "float64")} END`,
    );
    return step.params.outDtype === "float32" ? sql.each(scaled, sql.toFloat32) : scaled.sql;
  });

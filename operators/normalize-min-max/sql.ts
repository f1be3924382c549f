/** `normalizeMinMax` in SQL, in float64 as the kernel computes. */
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const normalizeMinMax: SqlForm<"normalizeMinMax"> = (step, inputs, { sql }) =>
  inputs.map((col, i) => {
    const { name } = step.inputs.input![i]!;
    const extremes = step.state?.columns[name];
    if (!extremes)
      throw new RuntimeFault(
        "INTERNAL",
        `step \`${step.id}\` (normalizeMinMax) has no minimum and maximum of column \`${name}\`. Run \`merlon fit\` again.`,
      );
    const { min, max } = extremes;
    const scaled = sql.eachAs(col, "float64", v =>
      max > min
        ? `(CAST(${v} AS DOUBLE) - ${sql.constant(min, "float64")}) / ${sql.constant(max - min, "float64")}`
        : `CASE WHEN ${v} IS NOT NULL THEN ${sql.constant(0.5, "float64")} END`,
    );
    return step.params.outDtype === "float32" ? sql.each(scaled, sql.toFloat32) : scaled.sql;
  });

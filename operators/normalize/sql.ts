/** `normalize` in SQL, in float64 as the kernel computes. */
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const normalize: SqlForm<"normalize"> = (step, inputs, { sql }) =>
  inputs.map((col, i) => {
    const { name } = step.inputs.input![i]!;
    const moments = step.state?.columns[name];
    if (!moments)
      throw new RuntimeFault(
        "INTERNAL",
        `step \`${step.id}\` (normalize) has no mean and std of column \`${name}\`. Run \`merlon fit\` again.`,
      );
    const { mean, std } = moments;
    const scaled = sql.eachAs(col, "float64", v => {
      const centred = `(CAST(${v} AS DOUBLE) - ${sql.constant(mean, "float64")})`;
      return std > 0 ? `${centred} / ${sql.constant(std, "float64")}` : centred;
    });
    return step.params.outDtype === "float32" ? sql.each(scaled, sql.toFloat32) : scaled.sql;
  });

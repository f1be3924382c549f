/** `normalize` in SQL, in float64 as the kernel computes. */
import { RuntimeFault } from "../../errors.js";
import { constant } from "./literal.js";
import { each, eachAs, type SqlForm, toFloat32 } from "./sql-form.js";

export const normalize: SqlForm<"normalize"> = (step, inputs) =>
  inputs.map((col, i) => {
    const { name } = step.inputs.input![i]!;
    const moments = step.state?.columns[name];
    if (!moments)
      throw new RuntimeFault(
        "INTERNAL",
        `step \`${step.id}\` (normalize) has no mean and std of column \`${name}\`. Run \`merlon fit\` again.`,
      );
    const { mean, std } = moments;
    const scaled = eachAs(col, "float64", v => {
      const centred = `(CAST(${v} AS DOUBLE) - ${constant(mean, "float64")})`;
      return std > 0 ? `${centred} / ${constant(std, "float64")}` : centred;
    });
    return step.params.outDtype === "float32" ? each(scaled, toFloat32) : scaled.sql;
  });

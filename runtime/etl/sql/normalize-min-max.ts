/** `normalizeMinMax` in SQL, in float64 as the kernel computes. */
import { RuntimeFault } from "../../errors.js";
import { constant } from "./literal.js";
import { each, eachAs, type SqlForm, toFloat32 } from "./sql-form.js";

export const normalizeMinMax: SqlForm<"normalizeMinMax"> = (step, inputs) =>
  inputs.map((col, i) => {
    const { name } = step.inputs.input![i]!;
    const extremes = step.state?.columns[name];
    if (!extremes)
      throw new RuntimeFault(
        "INTERNAL",
        `step \`${step.id}\` (normalizeMinMax) has no minimum and maximum of column \`${name}\`. Run \`merlon fit\` again.`,
      );
    const { min, max } = extremes;
    const scaled = eachAs(col, "float64", v =>
      max > min
        ? `(CAST(${v} AS DOUBLE) - ${constant(min, "float64")}) / ${constant(max - min, "float64")}`
        : `CASE WHEN ${v} IS NOT NULL THEN 0.5::DOUBLE END`,
    );
    return step.params.outDtype === "float32" ? each(scaled, toFloat32) : scaled.sql;
  });

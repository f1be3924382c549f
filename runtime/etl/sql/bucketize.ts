/** `bucketize` in SQL: one comparison a boundary. */
import { boundariesOf } from "../../kernels/bucketize.js";
import { constant } from "./literal.js";
import { each, eachAs, type SqlForm } from "./sql-form.js";

export const bucketize: SqlForm<"bucketize"> = (step, inputs) =>
  inputs.map((col, i) => {
    const { name } = step.inputs.input![i]!;
    const boundaries = boundariesOf(step.params, name, `step \`${step.id}\` (bucketize)`);
    const asDouble = eachAs(col, "float64", v => `CAST(${v} AS DOUBLE)`);
    return each(asDouble, v => {
      const counted = boundaries.map(b => `CAST(${v} >= ${constant(b, "float64")} AS INTEGER)`).join(" + ");
      return `coalesce(${counted || "0"}, ${boundaries.length}::INTEGER)`;
    });
  });

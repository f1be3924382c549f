/** `bucketize` in SQL: one comparison a boundary. */

import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { boundariesOf } from "./kernel.js";

export const bucketize: SqlForm<"bucketize"> = (step, inputs, { sql }) =>
  inputs.map((col, i) => {
    const { name } = step.inputs.input![i]!;
    const boundaries = boundariesOf(step.params, name, `step \`${step.id}\` (bucketize)`);
    const asDouble = sql.eachAs(col, "float64", v => `CAST(${v} AS DOUBLE)`);
    return sql.each(asDouble, v => {
      const counted = boundaries.map(b => `CAST(${v} >= ${sql.constant(b, "float64")} AS INTEGER)`).join(" + ");
      return `coalesce(${counted || "0"}, CAST(${boundaries.length} AS INTEGER))`;
    });
  });

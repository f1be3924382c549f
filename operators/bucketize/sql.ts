/** `bucketize` in SQL: one comparison a boundary. */

import { zip } from "../../contract/lists.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { boundariesOf } from "./spec.js";

export const bucketize: SqlForm<"bucketize"> = (step, inputs, { sql }) =>
  zip(inputs, step.inputs.input).map(([col, { name }]) => {
    const boundaries = boundariesOf(step, name);
    const asDouble = sql.eachAs(col, "float64", v => `CAST(${v} AS DOUBLE)`);
    return sql.each(asDouble, v => {
      const counted = boundaries.map(b => `CAST(${v} >= ${sql.constant(b, "float64")} AS INTEGER)`).join(" + ");
      return `coalesce(${counted || "0"}, CAST(${boundaries.length} AS INTEGER))`;
    });
  });

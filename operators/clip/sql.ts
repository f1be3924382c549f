/** `clip` in SQL: `greatest` with the minimum, then `least` with the maximum; both skip NULL, so it is kept by hand. */

import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { datatype } from "../../triton-protos/datatype.js";
import { floatBounds, integerBounds } from "./kernel-bounds.js";

export const clip: SqlForm<"clip"> = (step, inputs, { sql }) =>
  inputs.map(col => {
    const { dtype } = col;
    const { min, max } =
      datatype(dtype).kind === "float" ? floatBounds(step.params, dtype) : integerBounds(step.params, dtype);
    return sql.each(col, v => {
      const raised = min === undefined ? v : `greatest(${v}, ${sql.constant(min, dtype)})`;
      const lowered = max === undefined ? raised : `least(${raised}, ${sql.constant(max, dtype)})`;
      return `CASE WHEN ${v} IS NULL THEN NULL ELSE ${lowered} END`;
    });
  });

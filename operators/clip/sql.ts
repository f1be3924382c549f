/**
 * `clip` in SQL: a CASE, which keeps NULL. DuckDB compares with both bounds in less time than `greatest` and `least` take, which skip NULL.
 */

import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { datatype } from "../../triton-protos/datatype.js";
import { floatBounds, integerBounds } from "./kernel-bounds.js";

export const clip: SqlForm<"clip"> = (step, inputs, { sql }) =>
  inputs.map(col => {
    const { dtype } = col;
    const { min, max } =
      datatype(dtype).kind === "float" ? floatBounds(step.params, dtype) : integerBounds(step.params, dtype);
    // Integers round inwards, past each other if none is between the bounds: the maximum, which is applied last, decides.
    const least = min !== undefined && max !== undefined && min > max ? max : min;
    return sql.each(col, v => {
      const branch = (sign: string, bound: number | bigint | undefined) =>
        bound === undefined
          ? ""
          : ` WHEN ${v} ${sign} ${sql.constant(bound, dtype)} THEN ${sql.constant(bound, dtype)}`;
      return `CASE${branch("<", least)}${branch(">", max)} ELSE ${v} END`;
    });
  });

/**
 * `clip` in SQL: a CASE, which keeps NULL. DuckDB compares with both bounds in less time than `greatest` and `least` take, which skip NULL.
 */

import type { Fitted } from "../../contract/plan.js";
import type { SqlColumn } from "../../runtime/etl/sql/sql-column.js";
import type { OutputRanges, SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { datatype } from "../../triton-protos/datatype.js";
import { floatBounds, integerBounds } from "./kernel-bounds.js";

export const clip: SqlForm<"clip"> = (step, inputs, { sql }) =>
  inputs.map(col => {
    const { dtype } = col;
    const { least, max } = boundsOf(step, col);
    return sql.each(col, v => {
      const branch = (sign: string, bound: number | bigint | undefined) =>
        bound === undefined
          ? ""
          : ` WHEN ${v} ${sign} ${sql.constant(bound, dtype)} THEN ${sql.constant(bound, dtype)}`;
      return `CASE${branch("<", least)}${branch(">", max)} ELSE ${v} END`;
    });
  });

/** A NaN is more than any maximum, so that none is left of it. */
export const clippedRanges: OutputRanges<"clip"> = (step, inputs) =>
  inputs.map(col => {
    const { least, max } = boundsOf(step, col);
    const [from, to] = [Number(least ?? Number.NEGATIVE_INFINITY), Number(max ?? Number.POSITIVE_INFINITY)];
    const clipped = (value: number | undefined) =>
      value === undefined ? undefined : Math.min(Math.max(value, from), to);
    return {
      least: least === undefined ? clipped(col.range?.least) : from,
      most: max === undefined ? clipped(col.range?.most) : to,
    };
  });

/** Integers round inwards, past each other if none is between the bounds: the maximum, which is applied last, decides. */
function boundsOf({ params }: Fitted<"clip">, { dtype }: SqlColumn): Readonly<Record<"least" | "max", Bound>> {
  const { min, max } = datatype(dtype).kind === "float" ? floatBounds(params, dtype) : integerBounds(params, dtype);
  return { least: min !== undefined && max !== undefined && min > max ? max : min, max };
}

type Bound = number | bigint | undefined;

/** `fillMissing` in SQL: `coalesce`, and `IS NULL` for the flags. */

import type { Step } from "../../contract/plan.js";
import { internal } from "../../runtime/base/errors.js";
import type { Sql } from "../../runtime/etl/sql/dialect.js";
import type { SqlColumn } from "../../runtime/etl/sql/sql-column.js";
import type { OutputRanges, SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { type FillValue, fillFor } from "../shared/kernel/fill-value.js";

export const fillMissing: SqlForm<"fillMissing"> = (step, inputs, { sql }) =>
  fillSql(sql, step, inputs, (name, dtype) =>
    fillFor(dtype, step.params.fillValue, `step \`${step.id}\` (fillMissing), column \`${name}\`,`),
  );

/** A range that the fill value extends. */
export const filledRanges: OutputRanges<"fillMissing"> = (step, inputs) =>
  step.outputs.map(({ name }) => {
    const filled = inputs[step.inputs.input.findIndex(ref => ref.name === name)];
    if (!filled?.range) return undefined;
    const { range, dtype } = filled;
    const given = Number(step.params.fillValue);
    const fill = dtype === "float32" ? Math.fround(given) : given;
    return {
      least: range.least === undefined ? undefined : Math.min(range.least, fill),
      most: range.most === undefined ? undefined : Math.max(range.most, fill),
    };
  });

/** `fillOf` has the value to fill a column with. */
export function fillSql(
  sql: Sql,
  step: Step<"fillMissing"> | Step<"fillMedian">,
  inputs: readonly SqlColumn[],
  fillOf: (name: string, dtype: DType) => FillValue,
): readonly string[] {
  const refs = step.inputs.input;
  return step.outputs.map(({ name }) => {
    const direct = inputs[refs.findIndex(ref => ref.name === name)];
    if (direct) {
      const { dtype } = direct;
      const fill = fillOf(name, dtype);
      const value = datatype(dtype).kind === "bool" ? String(fill === 1) : sql.constant(fill, dtype);
      return sql.each(direct, v => `coalesce(${v}, ${value})`);
    }
    const flagged = inputs[refs.findIndex(ref => `${ref.name}_filled` === name)];
    if (!flagged)
      throw internal(`step \`${step.id}\` (${step.op}) has an output \`${name}\` that is not from any of its inputs.`);
    return sql.each(flagged, v => `(${v} IS NULL)`);
  });
}

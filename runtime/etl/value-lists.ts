/**
 * Steps that make a value of each value → their SQL over lists of one value. DuckDB evaluates functions once per distinct value of a column
 * that Parquet stores as a dictionary, but a CASE or a cast for every row. `list_transform` with a lambda is a function.
 */
import type { FittedStep } from "../../contract/plan.js";
import { columnsOfStep, factsOf } from "../../contract/step-facts.js";
import { sqlOf } from "../../operators/sql-forms.js";
import type { SqlColumn } from "./sql/sql-column.js";
import type { SqlContext } from "./sql/sql-form.js";

/** The list of a value, and the value of such a list. */
export const listWith = (value: string): string => `[${value}]`;
export const firstOf = (list: string): string => `${list}[1]`;

/**
 * One entry per output: the list of its value, or undefined if it is not made of a column that has lists.
 * @param scalar the SQL form's expressions for the same columns
 */
export function listForms(
  step: FittedStep,
  inputs: readonly SqlColumn[],
  context: SqlContext,
  scalar: readonly string[],
): readonly (string | undefined)[] {
  if (!isByValue(step) || inputs.every(({ values }) => values === undefined)) return [];
  const lists = inputs.map(col =>
    col.values === undefined ? col : { sql: col.values, dtype: col.dtype, range: col.range, list: { min: 1, max: 1 } },
  );
  // Each output reads one column, so that one which reads a list differs.
  return sqlOf(step, lists, context).map((sql, i) => (sql === scalar[i] ? undefined : sql));
}

/** Whether the operator's kernel is a loop over single values. */
const isByValue = (step: FittedStep): boolean =>
  factsOf(step.op).fuses === true && ["one by one", "some left out"].includes(columnsOfStep(step));

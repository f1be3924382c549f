/** `filter` in SQL: the columns as they are; the layer that holds them has its condition in `WHERE`. */
import type { AnyStep } from "../../contract/plan.js";
import type { Dialect } from "../../runtime/etl/sql/dialect.js";
import { expressionCalls } from "../../runtime/etl/sql/expression-functions.js";
import type { SqlColumn } from "../../runtime/etl/sql/sql-column.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const filter: SqlForm<"filter"> = (step, inputs) => {
  const refs = step.inputs.input ?? [];
  return step.outputs.map(({ name }) => inputs[refs.findIndex(ref => ref.name === name)]!.sql);
};

/** The condition; a row for which it is missing goes. */
export const conditionOf = (step: AnyStep, inputs: readonly SqlColumn[], dialect: Dialect): string =>
  expressionCalls(step, inputs, dialect)[0]!;

/** `filter` in SQL: the columns as they are; the layer that holds them has its condition in `WHERE`. */
import type { AnyStep } from "../../../triton-protos/plan.js";
import type { Dialect } from "./dialect.js";
import { expressionCalls } from "./expression-functions.js";
import type { SqlColumn } from "./sql-column.js";
import type { SqlForm } from "./sql-form.js";

export const filter: SqlForm<"filter"> = (step, inputs) => {
  const refs = step.inputs.input ?? [];
  return step.outputs.map(({ name }) => inputs[refs.findIndex(ref => ref.name === name)]!.sql);
};

/** The condition; a row for which it is missing goes. */
export const conditionOf = (step: AnyStep, inputs: readonly SqlColumn[], dialect: Dialect): string =>
  expressionCalls(step, inputs, dialect)[0]!;

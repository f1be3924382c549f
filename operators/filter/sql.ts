/** `filter` in SQL: the columns as they are; the layer that holds them has its condition in `WHERE`. */
import { expressionCalls } from "../../runtime/etl/sql/expression-functions.js";
import type { RowCondition, SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { keptColumns } from "../shared/sql/kept-columns.js";

export const filter: SqlForm<"filter"> = keptColumns;

/** The condition; a row for which it is missing is dropped. */
export const conditionOf: RowCondition<"filter"> = (step, inputs, { sql }) => expressionCalls(step, inputs, sql)[0]!;

/** `lambdaOp` in SQL: calls of the functions that run its expressions. */
import { expressionCalls } from "../../runtime/etl/sql/expression-functions.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const lambdaOp: SqlForm<"lambdaOp"> = (step, inputs, { sql }) => expressionCalls(step, inputs, sql);

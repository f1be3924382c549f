/**
 * Text of a function of columns → its expression, through the compiler's own reader, or its error.
 */
import type { Captured } from "#compiler/dsl/lambda.js";
import { userFunction } from "#compiler/lambda/compile-lambda.js";
import { columnTerm } from "#compiler/lambda/user-function.js";
import type { Expression } from "#contract/expression.js";
import { schemaOf } from "../../etl/workflow-plan.js";

/** @throws with the compiler's messages */
export function readFunction(
  text: string,
  types: Readonly<Record<string, string>>,
  captured: Readonly<Record<string, Captured>> = {},
): Expression {
  const faults: string[] = [];
  const place = { file: "main.workflow.ts", text, range: { start: 0, end: text.length } };
  const lambda = userFunction(place, captured, "lambdaOp", (message, blame) => {
    const at = typeof blame === "object" && "at" in blame ? text.slice(blame.at.start, blame.at.end) : "";
    faults.push(`${message.code} at \`${at}\`: ${message.message} ${message.help}`);
    return undefined;
  });
  const columns = new Map(schemaOf(types).map(column => [column.name, column]));
  const compiled = lambda?.compile(({ column }) =>
    columnTerm({ column: columns.get(column)!, ref: { step: "request", column } }),
  );
  if (!compiled || faults.length > 0) throw new Error(faults.join("\n"));
  return compiled.expression;
}

/** A user's condition on the columns of a row, compiled: what `filter` and `boost` decide by. */

import { call as callOf, type Term, value } from "../../../compiler/lambda/term.js";
import { columnTerm, type UserFunction } from "../../../compiler/lambda/user-function.js";
import type { Expression } from "../../../contract/expression.js";
import { need } from "./columns.js";
import type { Call } from "./define-op.js";

/** One parameter is the row, several are columns by name. Undefined after a fault, which is reported. */
export function rowCondition(call: Call<unknown>, lambda: UserFunction): Expression | undefined {
  const { input } = call;
  const [only, ...others] = lambda.parameters;
  const isRow = only?.form === "name" && others.length === 0;
  const row: Term = { kind: "row", columns: new Map(input.map(bound => [bound.column.name, columnTerm(bound)])) };
  const compiled = lambda.compile(name => {
    if (isRow) return row;
    const found = need(call, input, name.column, "The condition", "Name its parameters like the columns it reads.", {
      at: { file: lambda.file, ...name.range },
    });
    return found && columnTerm(found);
  });
  if (!compiled) return undefined;
  const result = value(compiled.type, compiled.expression);
  return (compiled.type === "flag" ? result : callOf("truthy", result)).expression;
}

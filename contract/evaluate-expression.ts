/**
 * Expression and values by column (bigints of columns that it reads exactly) → its value. Evaluates one row at a time: for names in the
 * compiler, and as the reference of the runtime's loops.
 */
import type { Expression } from "./expression.js";
import { functionRow, type Value } from "./expression-functions.js";

export function evaluateExpression(expression: Expression, columns: ReadonlyMap<string, Value>): Value {
  return visit(expression, columns, new Map());
}

function visit(at: Expression, columns: ReadonlyMap<string, Value>, locals: ReadonlyMap<string, Value>): Value {
  if ("number" in at) return known(Number(at.number));
  if ("integer" in at) return BigInt(at.integer);
  if ("text" in at) return at.text;
  if ("flag" in at) return at.flag;
  if ("missing" in at) return undefined;
  if ("list" in at) return at.list;
  if ("integers" in at) return at.integers.map(BigInt);
  if ("column" in at) return at.exact ? columns.get(at.column) : known(asNumbers(columns.get(at.column)));
  if ("local" in at) return locals.get(at.local);
  if ("let" in at) return visit(at.in, columns, new Map([...locals, [at.let, visit(at.be, columns, locals)]]));
  const args = at.args.map(arg => visit(arg, columns, locals)) as never[];
  return known(functionRow(at.call).apply(...args));
}

/** Integers of a column as doubles. */
function asNumbers(value: Value): Value {
  if (typeof value === "bigint") return Number(value);
  return Array.isArray(value) ? value.map(item => (typeof item === "bigint" ? Number(item) : item)) : value;
}

/** NaN is a missing value. */
const known = (value: Value): Value => (typeof value === "number" && Number.isNaN(value) ? undefined : value);

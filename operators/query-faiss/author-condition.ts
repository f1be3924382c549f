/** The condition of a filtered search, from its text alone. */
import * as ts from "../../compiler/checker/syntax.js";
import { userFunction } from "../../compiler/lambda/compile-lambda.js";
import type { Expression } from "../../contract/expression.js";
import { column } from "../../contract/schema.js";
import { conjuncts } from "../../contract/where.js";
import type { TableColumn } from "../../formats/tables/attribute-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { Fail } from "../shared/author/define-op.js";
import { conditionOf } from "../shared/author/item-condition.js";

/**
 * @param text an expression of `item` and `user`, or a function of both
 * @param user the user's columns; those of lists have offsets
 * @throws Error with the message and the way out
 */
export function compileCondition(
  text: string,
  columns: readonly TableColumn[],
  user: ReadonlyMap<string, { readonly dtype: DType; readonly offsets?: Int32Array }>,
): readonly Expression[] {
  const source = isFunction(text) ? text.trim() : `(item, user) => ${text.trim()}`;
  const faults: string[] = [];
  const fail: Fail = ({ message, help }) => {
    faults.push(`${message} ${help}`);
    return undefined;
  };
  const input = [...user].map(([name, { dtype, offsets }]) => ({
    column: column(name, dtype, offsets && { list: { min: 0, max: null } }),
    ref: { step: "", column: name },
  }));
  const place = { file: "condition.ts", text: source, range: { start: 0, end: source.length } };
  const lambda = isWhole(source) ? userFunction(place, {}, "queryFaiss", fail) : undefined;
  const condition = lambda && conditionOf({ input, fail }, lambda, columns);
  if (!condition)
    throw new Error(`--where \`${text}\`: ${faults[0] ?? "it is not one expression, such as `item.stock > 0`."}`);
  return conjuncts(condition);
}

/** Whether a text is one function, and nothing beside it. */
function isWhole(source: string): boolean {
  const [statement, ...others] = ts.parse("condition.ts", source).statements;
  if (!statement || others.length > 0 || !ts.isExpressionStatement(statement)) return false;
  return ts.isArrowFunction(statement.expression) && statement.expression.end === source.length;
}

/** Whether only parameters precede the first arrow. */
function isFunction(text: string): boolean {
  const arrow = text.indexOf("=>");
  return arrow >= 0 && /^[\s\w$,:(){}]*$/.test(text.slice(0, arrow));
}

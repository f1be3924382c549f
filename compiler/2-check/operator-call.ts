/**
 * A position in a rewritten file → the operator around it, `$chain(left, right)` or `left.pipe(right)`, and the type of its left side.
 * Works with any host's TypeScript: the compiler's own, or an editor's.
 */
import type { Types } from "../checker/checker.js";
import type * as ts from "../checker/syntax.js";

/** The parts of TypeScript this needs; both copies of it have them. */
export type Host = Pick<
  typeof ts,
  | "forEachChild"
  | "isArrayLiteralExpression"
  | "isCallExpression"
  | "isIdentifier"
  | "isObjectLiteralExpression"
  | "isPropertyAccessExpression"
  | "isPropertyAssignment"
  | "isStringLiteralLike"
>;

export interface OperatorCall {
  readonly call: ts.CallExpression;
  readonly operator: "chain" | "plus" | "minus" | "pick" | "list";
  readonly left: ts.Expression;
  /** Which argument the place is in. */
  readonly index: number;
  /** True when that argument is the left side. */
  readonly onLeft: boolean;
}

const HELPERS = /^\$(chain|plus|minus|pick|list)$/;
const METHODS = { pipe: "chain", plus: "plus", minus: "minus", pick: "pick" } as const;

/** The innermost operator with an argument at or around an offset. */
export function operatorCall(host: Host, file: ts.SourceFile, offset: number): OperatorCall | undefined {
  let found: OperatorCall | undefined;
  const visit = (node: ts.Node): void => {
    if (offset < node.pos || offset >= node.end) return;
    if (host.isCallExpression(node)) found = operator(host, node, offset) ?? found;
    host.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function operator(host: Host, call: ts.CallExpression, offset: number): OperatorCall | undefined {
  const index = call.arguments.findIndex(argument => offset >= argument.pos && offset < argument.end);
  const { expression } = call;
  if (index < 0) return undefined;
  const helper = host.isIdentifier(expression) && HELPERS.exec(expression.text)?.[1];
  if (helper)
    return {
      call,
      operator: helper as OperatorCall["operator"],
      left: call.arguments[0]!,
      index,
      onLeft: index === 0,
    };
  if (!host.isPropertyAccessExpression(expression) || !Object.hasOwn(METHODS, expression.name.text)) return undefined;
  return {
    call,
    operator: METHODS[expression.name.text as keyof typeof METHODS],
    left: expression.expression,
    index,
    onLeft: false,
  };
}

/** A node's columns, as `float32 price`; undefined if the checker does not know them, or if it is not a node. */
export const columnsOf = (types: Types, node: ts.Expression): readonly string[] | undefined =>
  types.propertyTexts(node, "columns");

/** `float32 price` → `price`. */
export const nameOf = (column: string): string => column.slice(column.indexOf(" ") + 1);

/**
 * A place in a rewritten file → the operator around it: `$chain(left, right)` or `left.pipe(right)`, and what the checker knows of the left side.
 * Works with any host's TypeScript: the compiler's own, or an editor's.
 */
import type { ts } from "ts-morph";

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

/** A node's columns, as `float32 price`; undefined where the checker does not know them, or for what is no node. */
export function columnsOf(checker: ts.TypeChecker, node: ts.Expression): string[] | undefined {
  const columns = checker.getPropertyOfType(checker.getTypeAtLocation(node), "columns");
  const type = columns && checker.getTypeOfSymbolAtLocation(columns, node);
  if (!type) return undefined;
  const known = (type.isUnion() ? type.types : [type]).flatMap(one => textOf(checker, one));
  return known.length || type === checker.getNeverType() ? known : undefined;
}

/** A text literal type's text, or a template's: `int64[${number}] seen` is a vector whose width no type knows. */
function textOf(checker: ts.TypeChecker, type: ts.Type): string[] {
  if (type.isStringLiteral()) return [type.value];
  const printed = checker.typeToString(type);
  return printed.startsWith("`") ? [printed.slice(1, -1)] : [];
}

/** The texts of a text literal type, or of a union of them. */
export const textsOf = (type: ts.Type): string[] =>
  (type.isUnion() ? type.types : [type]).flatMap(one => (one.isStringLiteral() ? [one.value] : []));

/** `float32 price` → `price`. */
export const nameOf = (column: string): string => column.slice(column.indexOf(" ") + 1);

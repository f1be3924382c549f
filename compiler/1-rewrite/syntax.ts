/**
 * Classifies a piece of a program's syntax: names of columns, a source, a plain value.
 */
import * as ts from "../checker/syntax.js";

/** Variables of the file that hold a `source(...)`. */
export function sourceVariables(tree: ts.SourceFile): string[] {
  const found: string[] = [];
  for (const statement of tree.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      const made = initializer && strip(initializer);
      if (made && ts.isIdentifier(name) && ts.isCallExpression(made) && (isFromSchema(made) || isSource(made)))
        found.push(name.text);
    }
  }
  return found;
}

/** The variable an expression is (part of) the value of. */
export function variableOf(node: ts.Node): string | undefined {
  for (let at: ts.Node | undefined = node; at && !ts.isStatement(at); at = at.parent) {
    if (ts.isVariableDeclaration(at) && ts.isIdentifier(at.name)) return at.name.text;
    if (ts.isFunctionLike(at)) return undefined;
  }
  return undefined;
}

export const strip = (node: ts.Expression): ts.Expression =>
  ts.isParenthesizedExpression(node) ||
  ts.isAsExpression(node) ||
  ts.isSatisfiesExpression(node) ||
  ts.isNonNullExpression(node)
    ? strip(node.expression)
    : node;

export const isSource = ({ expression }: ts.CallExpression): boolean =>
  ts.isIdentifier(expression) && expression.text === "source";

export const isFromSchema = ({ expression }: ts.CallExpression): boolean =>
  ts.isPropertyAccessExpression(expression) &&
  expression.name.text === "fromSchema" &&
  ts.isIdentifier(expression.expression) &&
  expression.expression.text === "source";

const isTag = (node: ts.Expression): boolean =>
  ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === "tag";

/** `"a"`, `["a", "b"]`, `[["a", "b"], "c"]`, `tag("user")`, `[tag("user"), "c"]`. */
export const isNames = (node: ts.Expression): boolean =>
  ts.isStringLiteralLike(node) ||
  isTag(node) ||
  (ts.isArrayLiteralExpression(node) && node.elements.every(element => isNames(strip(element))));

/** `"a", "b"` between brackets. */
export const isNameSequence = (node: ts.Expression): boolean =>
  ts.isBinaryExpression(node) &&
  node.operatorToken.kind === ts.SyntaxKind.CommaToken &&
  [node.left, node.right].every(side => ts.isStringLiteralLike(side) || isNameSequence(side));

/** Operands that make `+` and `-` plain arithmetic. */
export const isPrimitive = (node: ts.Expression): boolean =>
  ts.isStringLiteralLike(node) ||
  ts.isNumericLiteral(node) ||
  ts.isBigIntLiteral(node) ||
  ts.isTemplateExpression(node) ||
  (ts.isPrefixUnaryExpression(node) && isPrimitive(node.operand));

/** `x["a"] = …`, `delete x["a"]`, `x["a"]++`. */
export function isWritten(node: ts.ElementAccessExpression): boolean {
  const { parent } = node;
  if (ts.isDeleteExpression(parent) || ts.isPostfixUnaryExpression(parent)) return true;
  if (ts.isPrefixUnaryExpression(parent))
    return parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken;
  return (
    ts.isBinaryExpression(parent) &&
    parent.left === node &&
    parent.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
    parent.operatorToken.kind <= ts.SyntaxKind.LastAssignment
  );
}

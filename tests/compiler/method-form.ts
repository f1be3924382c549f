/**
 * A program with operators → the same program with methods: `a >> b` becomes `a.pipe(b)`. Functions of columns stay as they are.
 */
import * as ts from "#compiler/checker/syntax.js";

const METHODS = new Map([
  [ts.SyntaxKind.GreaterThanGreaterThanToken, "pipe"],
  [ts.SyntaxKind.PlusToken, "plus"],
  [ts.SyntaxKind.MinusToken, "minus"],
]);

export function methodForm(text: string): string {
  const tree = ts.parse("main.ts", text);
  const [, only = ""] = /const (\w+) = source(?:\.fromSchema)?\(/.exec(text) ?? [];
  const isNames = (node: ts.Node): boolean =>
    ts.isStringLiteralLike(node) ||
    (ts.isCallExpression(node) && node.expression.getText(tree) === "tag") ||
    (ts.isArrayLiteralExpression(node) && node.elements.every(isNames));
  /** An operand that stands for columns of the source. */
  const node = (of: ts.Expression): string =>
    ts.isArrayLiteralExpression(of) && isNames(of) ? `${only}.pick(${of.getText(tree)})` : convert(of);
  const convert = (at: ts.Node): string => {
    if (ts.isArrowFunction(at)) return at.getText(tree);
    if (ts.isBinaryExpression(at)) {
      const method = METHODS.get(at.operatorToken.kind);
      const right = at.operatorToken.kind === ts.SyntaxKind.MinusToken ? convert(at.right) : node(at.right);
      if (method) return `(${node(at.left)}).${method}(${right})`;
    }
    if (ts.isElementAccessExpression(at)) {
      const key = at.argumentExpression;
      if (isNames(key)) return `(${convert(at.expression)}).pick(${key.getText(tree)})`;
      if (ts.isBinaryExpression(key)) return `(${convert(at.expression)}).pick([${key.getText(tree)}])`;
    }
    let [out, from] = ["", at.getStart(tree)];
    ts.forEachChild(at, child => {
      out += text.slice(from, child.getStart(tree)) + convert(child);
      from = child.end;
    });
    return out + text.slice(from, at.end);
  };
  return tree.statements.map(convert).join("\n");
}

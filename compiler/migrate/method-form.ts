/**
 * A program with operators → the same program in the method form: `a >> b` becomes `a.pipe(b)`. Comments and layout stay; functions of columns and
 * arithmetic on plain values stay as they are.
 */
import { closer, type Edit, glue, opener, replacement } from "../1-rewrite/edits.js";
import { findLambdas } from "../1-rewrite/lambdas.js";
import { isNameSequence, isNames, isPrimitive, isWritten, sourceVariables, strip } from "../1-rewrite/syntax.js";
import * as ts from "../checker/syntax.js";

const METHODS = new Map<ts.SyntaxKind, "pipe" | "plus" | "minus">([
  [ts.SyntaxKind.GreaterThanGreaterThanToken, "pipe"],
  [ts.SyntaxKind.PlusToken, "plus"],
  [ts.SyntaxKind.MinusToken, "minus"],
]);

interface Work {
  readonly text: string;
  readonly tree: ts.SourceFile;
  /** The variable of the file's only source, which lists of names mean. */
  readonly source: string;
  readonly lambdas: ReadonlySet<number>;
  readonly isArithmetic: (operator: ts.Node) => boolean;
  readonly edits: Edit[];
}

/**
 * @param text a program that the rewriter has nothing to say about
 * @param isArithmetic whether an operator, by its offset in the text, has plain values on both sides: only types distinguish `a + b` of
 * numbers from that of nodes
 */
export function methodForm(text: string, file: string, isArithmetic: (operator: number) => boolean): string {
  const tree = ts.parse(file, text);
  const work: Work = {
    text,
    tree,
    source: sourceVariables(tree)[0] ?? "",
    lambdas: new Set([...findLambdas(tree).values()].map(({ range }) => range.start)),
    isArithmetic: operator => isArithmetic(operator.getStart(tree)),
    edits: [],
  };
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && work.lambdas.has(node.getStart(tree))) return;
    if (ts.isBinaryExpression(node)) convertBinary(work, node);
    else if (ts.isElementAccessExpression(node)) convertElement(work, node);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return glue(text, work.edits).text;
}

function convertBinary(work: Work, node: ts.BinaryExpression): void {
  const method = methodOf(work, node);
  if (!method) return;
  const { edits, text } = work;
  const { left, right, operatorToken: token } = node;
  if (isList(left, method)) pick(work, left);
  else if (!isCallee(work, left)) edits.push(opener(left, "("), closer(left, ")"));
  if (method === "plus" && ts.isArrayLiteralExpression(strip(right)) && isNames(strip(right))) pick(work, right);
  // Blanks beside the operator go; line ends and comments stay.
  const start = token.getStart(work.tree);
  const before = blanks(text.slice(left.end, start)) ? left.end : start;
  const after = blanks(text.slice(token.end, right.getStart(work.tree))) ? right.getStart(work.tree) : token.end;
  edits.push(replacement(before, after, `.${method}(`), closer(node, ")"));
  for (const operand of [left, right]) dropParentheses(work, operand);
}

const blanks = (text: string): boolean => /^[ \t]*$/.test(text);

/** The method of an operator that means nodes, by the rewriter's rules. */
function methodOf({ isArithmetic }: Work, node: ts.BinaryExpression): "pipe" | "plus" | "minus" | undefined {
  const method = METHODS.get(node.operatorToken.kind);
  if (method === undefined || method === "pipe") return method;
  const [left, right] = [strip(node.left), strip(node.right)];
  if (isList(left, method)) return method;
  if (isPrimitive(left) || (isPrimitive(right) && !(ts.isStringLiteralLike(right) && method === "minus")))
    return undefined;
  return isArithmetic(node.operatorToken) ? undefined : method;
}

/** Names on the left mean columns of the source; a lone text left of `+` or `-` is a text. */
const isList = (left: ts.Expression, method: string): boolean =>
  isNames(strip(left)) && (method === "pipe" || ts.isArrayLiteralExpression(strip(left)));

/** `["x"]` → `events.pick(["x"])` */
function pick({ edits, source }: Work, list: ts.Node): void {
  edits.push(opener(list, `${source}.pick(`), closer(list, ")"));
}

/** The syntax after which `.method(` may follow: it becomes a call, or it is one. */
const isCallee = (work: Work, node: ts.Expression): boolean =>
  (ts.isBinaryExpression(node) && methodOf(work, node) !== undefined) || ts.isLeftHandSideExpression(node);

/** The parentheses of `(a >> b) + c`: a call needs none. Those around lines or comments stay. */
function dropParentheses(work: Work, node: ts.Expression): void {
  const { edits, tree } = work;
  if (!ts.isParenthesizedExpression(node)) return;
  const inner = node.expression;
  const [start, end] = [node.getStart(tree), node.end];
  const isTight = inner.getStart(tree) === start + 1 && inner.end === end - 1;
  if (!isTight || !ts.isBinaryExpression(inner) || methodOf(work, inner) === undefined) return;
  edits.push(opener(node, "", 1), closer(node, "", 1));
}

/** `node["x"]` → `node.pick("x")`, `node["x", "y"]` → `node.pick(["x", "y"])` */
function convertElement({ text, edits }: Work, node: ts.ElementAccessExpression): void {
  const key = node.argumentExpression;
  const isSequence = isNameSequence(key);
  if ((!isNames(strip(key)) && !isSequence) || isWritten(node)) return;
  const bracket = text.indexOf("[", node.expression.end);
  edits.push(
    replacement(bracket, bracket + 1, isSequence ? ".pick([" : ".pick("),
    closer(node, isSequence ? "])" : ")", 1),
  );
}

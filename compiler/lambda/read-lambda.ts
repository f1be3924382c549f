/**
 * A function's place in a file → its parameters and body as syntax.
 */

import type { Range } from "../1-rewrite/spans.js";
import * as ts from "../checker/syntax.js";
import type { Parameter, ParameterName } from "./parameter.js";

/** The place of a function. */
export interface LambdaText {
  readonly file: string;
  /** The whole file. */
  readonly text: string;
  readonly range: Range;
}

export interface Lambda extends LambdaText {
  readonly tree: ts.SourceFile;
  readonly parameters: readonly Parameter<ts.Expression>[];
  readonly body: ts.ConciseBody;
  /** The function's own text. */
  readonly source: string;
}

/** Parts of a function that have no place in it. */
export interface Misplaced {
  readonly what: string;
  readonly way: string;
  readonly range: Range;
}

export function readLambda(lambda: LambdaText): Lambda | Misplaced {
  const tree = ts.parse(lambda.file, lambda.text);
  const f = functionAt(tree, lambda.range)!;
  const rangeOf = (node: ts.Node): Range => ({ start: node.getStart(tree), end: node.end });
  const misplaced = (node: ts.Node, what: string, way: string): Misplaced => ({ what, way, range: rangeOf(node) });
  const modifier = f.modifiers?.find(m => m.kind === ts.SyntaxKind.AsyncKeyword);
  if (modifier) return misplaced(modifier, "`async`", "A function only computes: leave `async` out.");
  if (f.asteriskToken) return misplaced(f.asteriskToken, "A generator", "Return one value for a row.");
  const parameters: Parameter<ts.Expression>[] = [];
  for (const parameter of f.parameters) {
    if (parameter.dotDotDotToken)
      return misplaced(parameter, "A rest parameter", "Name each column: `(price, quantity) => …`.");
    if (ts.isArrayBindingPattern(parameter.name))
      return misplaced(parameter.name, "A list pattern", "Name the column and index it: `ids => ids[0]`.");
    const names = ts.isIdentifier(parameter.name)
      ? [nameOf(parameter.name, parameter.name, parameter.initializer, rangeOf(parameter.name))]
      : parameter.name.elements.map(e => nameOf(e.propertyName ?? e.name, e.name, e.initializer, rangeOf(e)));
    const odd = names.indexOf(undefined);
    if (odd >= 0) return misplaced(parameter.name, "A nested pattern", "Take columns out by name: `({ price }) => …`.");
    const form = ts.isIdentifier(parameter.name) ? "name" : "columns";
    parameters.push({ form, names: names as ParameterName<ts.Expression>[], range: rangeOf(parameter.name) });
  }
  const { start, end } = lambda.range;
  return { ...lambda, tree, parameters, body: f.body!, source: lambda.text.slice(start, end) };
}

function nameOf(
  column: ts.Node,
  local: ts.Node,
  otherwise: ts.Expression | undefined,
  range: Range,
): ParameterName<ts.Expression> | undefined {
  if (!ts.isIdentifier(local) || !(ts.isIdentifier(column) || ts.isStringLiteral(column))) return undefined;
  return { column: column.text, local: local.text, ...(otherwise && { otherwise }), range };
}

type FunctionNode = ts.ArrowFunction | ts.FunctionExpression | ts.FunctionDeclaration;

function functionAt(tree: ts.SourceFile, { start, end }: Range): FunctionNode | undefined {
  let found: FunctionNode | undefined;
  const visit = (node: ts.Node): void => {
    if (
      (ts.isArrowFunction(node) || ts.isFunctionExpression(node) || ts.isFunctionDeclaration(node)) &&
      node.getStart(tree) === start &&
      node.end === end
    )
      found = node;
    else if (node.pos <= start && node.end >= end) ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

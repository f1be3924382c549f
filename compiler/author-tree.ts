/**
 * The author's text as a syntax tree → places inside an operand: an option of a call, an argument, the call that makes the program.
 */

import type { Range } from "./1-rewrite/spans.js";
import * as ts from "./checker/syntax.js";

const trees = new WeakMap<object, Map<string, ts.SourceFile>>();

/** The tree of a file, parsed once for each `owner`. */
export function authorTree(owner: object, file: string, text: string): ts.SourceFile {
  const known = trees.get(owner) ?? new Map<string, ts.SourceFile>();
  trees.set(owner, known);
  const tree = known.get(file) ?? ts.parse(file, text);
  known.set(file, tree);
  return tree;
}

/** The call that a range is, `clip({ min: 0 })`; undefined where the operand is something else. */
export function callAt(tree: ts.SourceFile, { start, end }: Range): ts.CallExpression | undefined {
  let found: ts.CallExpression | undefined;
  const visit = (node: ts.Node): void => {
    if (node.end < start || node.pos > end || found) return;
    if (ts.isCallExpression(node) && node.getStart(tree) >= start && node.end <= end) found = node;
    else ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** The position of an option in a call: the property of that name, else its argument if it has only one. */
export function optionRange(tree: ts.SourceFile, call: ts.CallExpression, option: string): Range | undefined {
  for (const argument of call.arguments) {
    if (!ts.isObjectLiteralExpression(argument)) continue;
    const property = argument.properties.find(p => p.name && nameText(p.name) === option);
    if (property) return rangeOf(tree, property);
  }
  const [only, ...others] = call.arguments;
  return only && others.length === 0 ? rangeOf(tree, only) : undefined;
}

/** The expression behind `export default`, followed through one name. */
export function exported(tree: ts.SourceFile): ts.Expression | undefined {
  const assignment = tree.statements.find(ts.isExportAssignment);
  const value = assignment?.expression;
  if (!value || !ts.isIdentifier(value)) return value;
  for (const statement of tree.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    const made = statement.declarationList.declarations.find(
      d => ts.isIdentifier(d.name) && d.name.text === value.text,
    );
    if (made?.initializer) return made.initializer;
  }
  return value;
}

export const rangeOf = (tree: ts.SourceFile, node: ts.Node): Range => ({ start: node.getStart(tree), end: node.end });

const nameText = (name: ts.PropertyName): string | undefined =>
  ts.isIdentifier(name) || ts.isStringLiteralLike(name) ? name.text : undefined;

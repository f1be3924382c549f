/**
 * Finds the functions that a file hands to operators: where each is, and which names of the file it can see.
 * Operators inside them are JavaScript's own.
 */

import { OP_KINDS } from "../../contract/op-params.js";
import { functionOption, takesFunction } from "../../contract/step-facts.js";
import * as ts from "../checker/syntax.js";
import type { Range } from "./spans.js";

const TAKERS: ReadonlySet<string> = new Set(OP_KINDS.filter(takesFunction));
/** Operators whose options have a function → the option's name. */
const OPTIONS: ReadonlyMap<string, string> = new Map(
  OP_KINDS.flatMap(op => {
    const option = functionOption(op);
    return option === undefined ? [] : [[op, option]];
  }),
);

export interface LambdaSite {
  /** The function itself, in the author's text. */
  readonly range: Range;
  /** Names it uses that the file declares outside of it. */
  readonly outer: readonly string[];
  /** The option of which it is the value; undefined for an argument. */
  readonly option?: string;
}

type FunctionNode = ts.ArrowFunction | ts.FunctionExpression | ts.FunctionDeclaration;

/** Argument of a call → the function it means. A name means the function that the file gives it. */
export function findLambdas(tree: ts.SourceFile): ReadonlyMap<ts.Node, LambdaSite> {
  const declared = declaredNames(tree);
  const named = namedFunctions(tree);
  const found = new Map<ts.Node, LambdaSite>();
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const argument = functionArgument(node, node.expression.text);
      const f = argument && functionOf(argument, named);
      const option = OPTIONS.get(node.expression.text);
      if (f)
        found.set(argument, {
          range: { start: f.getStart(tree), end: f.end },
          outer: outerNames(f, declared),
          ...(option !== undefined && { option }),
        });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** The argument that is a function, or the value of the option that is one. */
function functionArgument({ arguments: given }: ts.CallExpression, operator: string): ts.Expression | undefined {
  if (TAKERS.has(operator)) return given[0];
  const option = OPTIONS.get(operator);
  for (const argument of option === undefined ? [] : given)
    for (const property of ts.isObjectLiteralExpression(argument) ? argument.properties : [])
      if (ts.isPropertyAssignment(property) && ts.isIdentifier(property.name) && property.name.text === option)
        return property.initializer;
  return undefined;
}

function functionOf(argument: ts.Expression, named: ReadonlyMap<string, FunctionNode>): FunctionNode | undefined {
  if (ts.isParenthesizedExpression(argument)) return functionOf(argument.expression, named);
  if (ts.isArrowFunction(argument) || ts.isFunctionExpression(argument)) return argument;
  return ts.isIdentifier(argument) ? named.get(argument.text) : undefined;
}

/** Functions that statements of the file name. */
function namedFunctions(tree: ts.SourceFile): ReadonlyMap<string, FunctionNode> {
  const found = new Map<string, FunctionNode>();
  for (const statement of tree.statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name) found.set(statement.name.text, statement);
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations)
      if (
        ts.isIdentifier(name) &&
        initializer &&
        (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer))
      )
        found.set(name.text, initializer);
  }
  return found;
}

function declaredNames(tree: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (
      (ts.isVariableDeclaration(node) ||
        ts.isParameter(node) ||
        ts.isBindingElement(node) ||
        ts.isFunctionDeclaration(node) ||
        ts.isClassDeclaration(node) ||
        ts.isEnumDeclaration(node) ||
        ts.isImportClause(node) ||
        ts.isImportSpecifier(node) ||
        ts.isNamespaceImport(node)) &&
      node.name &&
      ts.isIdentifier(node.name) &&
      !isTypeOnly(node)
    )
      names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return names;
}

const isTypeOnly = (node: ts.Node): boolean =>
  (ts.isImportClause(node) && node.phaseModifier !== undefined) ||
  (ts.isImportSpecifier(node) && (node.isTypeOnly || node.parent.parent.phaseModifier !== undefined));

/** Names used in a function and declared outside of it, but not the names it declares itself. */
function outerNames(f: FunctionNode, declared: ReadonlySet<string>): readonly string[] {
  const inner = new Set<string>();
  const used = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (
      (ts.isParameter(node) || ts.isVariableDeclaration(node) || ts.isBindingElement(node)) &&
      ts.isIdentifier(node.name)
    )
      inner.add(node.name.text);
    if (ts.isIdentifier(node) && isUse(node)) used.add(node.text);
    if (!ts.isTypeNode(node)) ts.forEachChild(node, visit);
  };
  ts.forEachChild(f, visit);
  return [...used].filter(name => declared.has(name) && !inner.has(name));
}

const isUse = (node: ts.Identifier): boolean =>
  !(ts.isPropertyAccessExpression(node.parent) && node.parent.name === node) &&
  !(ts.isPropertyAssignment(node.parent) && node.parent.name === node) &&
  !(ts.isBindingElement(node.parent) && node.parent.propertyName === node);

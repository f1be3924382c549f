/**
 * A position inside a text that names a column → the possible columns. The text may be between brackets, right of `-`, or a parameter that
 * names a column of its operator's left side.
 */

import { columnsOf, type Host, nameOf, type OperatorCall, operatorCall } from "../2-check/operator-call.js";
import type { Types } from "../checker/checker.js";
import type * as ts from "../checker/syntax.js";

export interface ColumnChoice {
  readonly name: string;
  readonly type: string;
}

export interface ColumnChoices {
  readonly columns: readonly ColumnChoice[];
  /** The text between the quotes, in the requested file. */
  readonly replace: { readonly start: number; readonly end: number };
}

/** Parameters that name a column of the left side: first arguments, and properties (`inputs` maps tensors to columns). */
const FIRST_ARGUMENT = new Set(["unrollFeatures"]);
const PROPERTY = new Map([["queryFeast", "entityColumn"]]);
const PROPERTY_OF = new Map([["predictOnnx", "inputs"]]);

/** @param offset in the rewritten file */
export function columnChoices(
  host: Host,
  types: Types,
  file: ts.SourceFile,
  offset: number,
): ColumnChoices | undefined {
  const literal = textAround(host, file, offset);
  const found = literal && operatorCall(host, file, literal.start);
  if (!found || found.onLeft || !namesColumn(host, found, literal.node)) return undefined;
  const columns = columnsOf(types, found.left);
  return (
    columns && {
      columns: columns.map(column => ({ name: nameOf(column), type: column.slice(0, column.indexOf(" ")) })),
      replace: { start: literal.start + 1, end: literal.closed ? literal.node.end - 1 : literal.node.end },
    }
  );
}

function textAround(host: Host, file: ts.SourceFile, offset: number) {
  let found: ts.StringLiteralLike | undefined;
  const visit = (node: ts.Node): void => {
    if (offset < node.pos || offset > node.end) return;
    if (host.isStringLiteralLike(node)) found = node;
    host.forEachChild(node, visit);
  };
  visit(file);
  if (!found) return undefined;
  const start = file.text.slice(found.pos, found.end).search(/["'`]/) + found.pos;
  const closed = found.end - start > 1 && file.text[found.end - 1] === file.text[start];
  return offset > start && offset <= (closed ? found.end - 1 : found.end) ? { node: found, start, closed } : undefined;
}

function namesColumn(host: Host, { operator, call, index }: OperatorCall, literal: ts.Node): boolean {
  const path = pathTo(host, call.arguments[index]!, literal);
  if (operator !== "chain") return operator !== "plus" && path.every(host.isArrayLiteralExpression);
  const [applied, ...inside] = path;
  if (!applied || !host.isCallExpression(applied) || !host.isIdentifier(applied.expression)) return false;
  const name = applied.expression.text;
  if (inside.length === 0) return FIRST_ARGUMENT.has(name) && applied.arguments[0] === literal;
  const properties = inside.flatMap(node =>
    host.isPropertyAssignment(node) && host.isIdentifier(node.name) ? [node.name.text] : [],
  );
  const assigned = inside.at(-1);
  if (!assigned || !host.isPropertyAssignment(assigned) || assigned.initializer !== literal) return false;
  return properties[0] !== undefined && properties[0] === (PROPERTY.get(name) ?? PROPERTY_OF.get(name));
}

/** The nodes from an argument down to a literal in it, the literal left out. */
function pathTo(host: Host, from: ts.Node, to: ts.Node): ts.Node[] {
  const path: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    if (node === to || to.pos < node.pos || to.end > node.end) return;
    path.push(node);
    host.forEachChild(node, visit);
  };
  visit(from);
  return path;
}

/**
 * Finds each `+` and `-` of a program that is arithmetic on plain values: this requires types, and the rewritten program has them.
 */
import { loadSources } from "../2-check/sources.js";
import type { Types } from "../checker/checker.js";
import * as ts from "../checker/syntax.js";
import type { Finding } from "../diagnostics/diagnostic.js";

export interface Arithmetic {
  /** Offsets of the operators, in the author's text. */
  readonly operators: ReadonlySet<number>;
  /** Why the program can't be rewritten. */
  readonly findings: readonly Finding[];
}

/** @param file absolute path of a program */
export function arithmeticOf(file: string): Arithmetic {
  const sources = loadSources(file);
  try {
    const operators = new Set<number>();
    const findings = sources.findings.filter(({ site }) => site.file === file);
    if (findings.length > 0) return { operators, findings };
    const types = sources.project.types();
    const text = sources.texts.get(file)!;
    const visit = (node: ts.Node): void => {
      const site = siteOf(node);
      const found = site === undefined ? undefined : sources.sites[site];
      if (found?.file === file && ts.isCallExpression(node) && !isNode(types, node))
        operators.add(operatorBetween(text, found.left.end, found.right.start, found.operator));
      ts.forEachChild(node, visit);
    };
    visit(sources.project.tree(file));
    return { operators, findings };
  } finally {
    sources.project.close();
  }
}

/** Nodes have columns; numbers and texts have none. */
const isNode = (types: Types, of: ts.Expression): boolean =>
  types.typeName(of) === "Node" || types.propertyTexts(of, "columns") !== undefined;

/** The site that `$plus(a, b, 3)` carries. */
function siteOf(node: ts.Node): number | undefined {
  if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return undefined;
  const last = node.arguments.at(-1);
  const isSum = node.expression.text === "$plus" || node.expression.text === "$minus";
  return isSum && last && ts.isNumericLiteral(last) ? Number(last.text) : undefined;
}

/** Between the operands are the operator, blanks, parentheses and comments, which may hold the same character. */
function operatorBetween(text: string, from: number, to: number, operator: string): number {
  const between = text.slice(from, to).replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, comment => " ".repeat(comment.length));
  return from + Math.max(0, between.indexOf(operator));
}

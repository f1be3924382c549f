/**
 * Imports of `.merlon` files, for a checker that accepts only TypeScript's extensions: `"./shared.merlon"` becomes `"./shared.merlon.ts"`.
 * Hosts that map the extension (Volar, content mappers) resolve the author's specifier themselves.
 */
import * as ts from "../checker/syntax.js";
import { FOREIGN } from "./file-form.js";
import type { Span } from "./spans.js";

/** The relative specifiers of a file that name `.merlon` files, in the order of the text. */
export function foreignImports(tree: ts.SourceFile): ts.StringLiteralLike[] {
  const found: ts.StringLiteralLike[] = [];
  if (!tree.text.includes(FOREIGN)) return found;
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier && /^\.{0,2}\//.test(specifier.text) && specifier.text.endsWith(FOREIGN) && isClosed(specifier))
      found.push(specifier);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** Half typed, a literal ends without its quote. */
const isClosed = (literal: ts.StringLiteralLike): boolean => /^(["'`]).*\1$/s.test(literal.getText());

/** The literal by which a node names another module. */
export function specifierOf(node: ts.Node): ts.StringLiteralLike | undefined {
  const named =
    ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
      ? node.moduleSpecifier
      : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
        ? node.argument.literal
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : undefined;
  return named && ts.isStringLiteralLike(named) ? named : undefined;
}

/** @param file path of the text, for its syntax */
export function linkForeignImports(
  text: string,
  spans: readonly Span[],
  file: string,
): { readonly text: string; readonly spans: readonly Span[] } {
  if (!text.includes(FOREIGN)) return { text, spans };
  const tree = ts.parse(file, text);
  const inserts = foreignImports(tree).map(({ end }) => end - 1);
  const cut = (position: number) => inserts.filter(at => at < position).length * EXTENSION.length;
  return {
    text: inserts.reduceRight((out, at) => `${out.slice(0, at)}${EXTENSION}${out.slice(at)}`, text),
    spans: spans
      .flatMap(span => splitAt(span, inserts))
      .map(span => ({ ...span, target: span.target + cut(span.target + 1) })),
  };
}

const EXTENSION = ".ts";

function splitAt(span: Span, positions: readonly number[]): Span[] {
  const inside = positions.filter(at => at > span.target && at < span.target + span.length);
  return [span.target, ...inside].map((from, index, all) => ({
    source: span.source + (from - span.target),
    target: from,
    length: (all[index + 1] ?? span.target + span.length) - from,
  }));
}

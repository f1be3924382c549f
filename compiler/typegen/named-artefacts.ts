/**
 * Texts of a program → the artefacts they name, and where. Found by syntax: an entry helps the checker only where the path is written down.
 */
import * as ts from "../checker/syntax.js";
import type { ArtefactKinds } from "../dsl/artefacts.js";

export type ArtefactKind = keyof ArtefactKinds;

export interface NamedArtefact {
  readonly kind: ArtefactKind;
  /** As written. */
  readonly path: string;
  /** The text literal in the author's file. */
  readonly site: { readonly file: string; readonly start: number; readonly end: number };
}

const OPERATORS = new Map<string, ArtefactKind>([
  ["predictOnnx", "onnx"],
  ["queryFaiss", "faiss"],
  ["queryFeast", "feast"],
  ["transformWorkflow", "workflow"],
  ["fromSchema", "schema"],
  ["predictForest", "forest"],
  ["queryEmbedding", "embedding"],
  ["predictImplicit", "implicit"],
  ["queryVectors", "vectors"],
  ["lookupCandidates", "candidates"],
]);

/** Options that name artefacts. */
const OPTIONS = new Map<string, ArtefactKind>([["attributes", "attributes"]]);

/** In the order of the texts; a path that is named twice appears twice. */
export const namedArtefacts = (texts: ReadonlyMap<string, string>): NamedArtefact[] =>
  [...texts].flatMap(([file, text]) => inFile(file, text));

function inFile(file: string, text: string): NamedArtefact[] {
  const tree = ts.parse(file, text);
  const [aliases, constants] = [importedAs(tree), textConstants(tree)];
  const found: NamedArtefact[] = [];
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit);
    const given = ts.isCallExpression(node) ? node.arguments[0] : undefined;
    if (!given || !ts.isCallExpression(node)) return;
    const { expression } = node;
    const called = ts.isIdentifier(expression)
      ? (aliases.get(expression.text) ?? expression.text)
      : ts.isPropertyAccessExpression(expression)
        ? expression.name.text
        : undefined;
    const kind = called === undefined ? undefined : OPERATORS.get(called);
    if (!kind) return;
    add(kind, given);
    for (const options of node.arguments.slice(1)) addOptions(options);
  };
  const addOptions = (options: ts.Expression): void => {
    for (const option of ts.isObjectLiteralExpression(options) ? options.properties : []) {
      if (!ts.isPropertyAssignment(option) || !ts.isIdentifier(option.name)) continue;
      const named = OPTIONS.get(option.name.text);
      if (named) add(named, option.initializer);
    }
  };
  const add = (kind: ArtefactKind, given: ts.Expression): void => {
    const literal = ts.isIdentifier(given) ? constants.get(given.text) : given;
    if (!literal || !ts.isStringLiteralLike(literal)) return;
    found.push({ kind, path: literal.text, site: { file, start: literal.getStart(tree), end: literal.end } });
  };
  visit(tree);
  return found.sort((a, b) => a.site.start - b.site.start);
}

/** `import { predictOnnx as predict } from "merlon"`: local name → name. */
function importedAs(tree: ts.SourceFile): Map<string, string> {
  const aliases = new Map<string, string>();
  for (const statement of tree.statements) {
    const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
    if (!bindings || !ts.isNamedImports(bindings)) continue;
    for (const { name, propertyName } of bindings.elements) if (propertyName) aliases.set(name.text, propertyName.text);
  }
  return aliases;
}

/** `const path = "models/dlrm.onnx"` of the file. */
function textConstants(tree: ts.SourceFile): Map<string, ts.StringLiteralLike> {
  const constants = new Map<string, ts.StringLiteralLike>();
  for (const statement of tree.statements) {
    if (!ts.isVariableStatement(statement) || !(statement.declarationList.flags & ts.NodeFlags.Const)) continue;
    for (const { name, initializer } of statement.declarationList.declarations)
      if (ts.isIdentifier(name) && initializer && ts.isStringLiteralLike(initializer))
        constants.set(name.text, initializer);
  }
  return constants;
}

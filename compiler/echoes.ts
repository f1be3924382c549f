/**
 * Findings that only follow from another mistake: a variable whose expression is wrong is also wrong where it is used.
 */
import type { ProgramSources } from "./2-check/sources.js";
import { authorTree, rangeOf } from "./author-tree.js";
import * as ts from "./checker/syntax.js";
import type { DiagnosticSite, Finding } from "./diagnostics/diagnostic.js";

/** After these a variable is not a node. */
const CAUSES = new Set(["type/operator", "type/called", "type/node-as-argument"]);
/** These report a value that is not a node. */
const ECHOES = new Set([
  "type/operand",
  "type/typescript",
  "graph/not-a-node",
  "graph/not-addable",
  "graph/precedence",
  "graph/program-output",
]);

const isEcho = ({ code, message }: Finding): boolean =>
  ECHOES.has(code) || (code === "graph/parameter" && message.endsWith("not a node."));

/** A variable of a file, and the expression that it is. */
interface Variable {
  readonly name: string;
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** @returns the findings but those that say again, at a use of a variable, that its expression is wrong */
export function withoutEchoes(sources: ProgramSources, findings: readonly Finding[]): Finding[] {
  const echoes = findings.filter(isEcho);
  if (echoes.length < 1 || findings.length < 2) return [...findings];
  const variables = variablesOf(sources);
  const around = ({ file, start, end }: DiagnosticSite) =>
    variables.find(v => v.file === file && v.start <= start && end <= v.end);
  const textOf = ({ file, start, end }: DiagnosticSite): string => (sources.texts.get(file) ?? "").slice(start, end);
  const causes = findings.filter(({ code }) => CAUSES.has(code));
  const wrong = new Set(causes.flatMap(({ site }) => around(site) ?? []));
  /** Uses of a name that is not a node: the first says it for all. */
  const used = new Map<string, Finding>();
  for (const finding of findings) {
    const text = textOf(finding.site);
    if (finding.code === "graph/not-a-node" && /^[\w$]+$/.test(text) && !used.has(text)) used.set(text, finding);
  }
  const names = new Set([...wrong].map(({ name }) => name));
  return findings.filter(finding => {
    if (!isEcho(finding)) return true;
    const own = around(finding.site);
    if (own && wrong.has(own)) return false;
    const words = textOf(finding.site).match(/[\w$]+/g) ?? [];
    return !words.some(word => names.has(word) || (used.has(word) && used.get(word) !== finding));
  });
}

/** Variables at the top of the program's files, each with its declaration's place. */
const variablesOf = (sources: ProgramSources): Variable[] =>
  [...sources.texts].flatMap(([file, text]) => {
    const tree = authorTree(sources, file, text);
    return tree.statements
      .filter(ts.isVariableStatement)
      .flatMap(({ declarationList }) =>
        declarationList.declarations.flatMap(declaration =>
          ts.isIdentifier(declaration.name)
            ? [{ name: declaration.name.text, file, ...rangeOf(tree, declaration) }]
            : [],
        ),
      );
  });

/**
 * A program's file and the TypeScript files it imports → one project of the checker in which operators are already calls. Offsets of its
 * texts are offsets of rewritten texts; `sites` and `spans` lead back.
 */
import { SourceMap } from "node:module";
import { pathToFileURL } from "node:url";
import { isMerlonFile } from "../1-rewrite/file-form.js";
import { linkForeignImports } from "../1-rewrite/foreign-imports.js";
import { type Rewritten, rewrite, type Site } from "../1-rewrite/rewrite.js";
import type { Span } from "../1-rewrite/spans.js";
import { openProject, type Project, syntaxError, toJavaScript } from "../checker/index.js";
import { diagnosticAt, type Finding } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import type { LambdaText } from "../lambda/read-lambda.js";

export interface ProgramSources {
  readonly project: Project;
  readonly entry: string;
  /** Author's text by file. */
  readonly texts: ReadonlyMap<string, string>;
  readonly spans: ReadonlyMap<string, readonly Span[]>;
  /** Sites of all files; a node carries an index into this list. */
  readonly sites: readonly (Site & { readonly file: string })[];
  /** Functions handed to operators, in all files. */
  readonly lambdas: readonly LambdaText[];
  readonly findings: readonly Finding[];
}

/** Reads and rewrites the program's files. @throws when the entry file does not exist */
export function loadSources(entry: string): ProgramSources {
  const project = openProject(entry);
  const texts = new Map<string, string>();
  const spans = new Map<string, readonly Span[]>();
  const sites: (Site & { file: string })[] = [];
  const lambdas: LambdaText[] = [];
  const findings: Finding[] = [];
  for (const [path, text] of project.texts()) {
    texts.set(path, text);
    const slips = syntaxFindings(path, text);
    findings.push(...slips);
    if (slips.length > 0) continue;
    if (!isMerlonFile(path)) {
      const linked = linkForeignImports(text, [{ source: 0, target: 0, length: text.length }], path);
      spans.set(path, linked.spans);
      if (linked.text !== text) project.write(path, linked.text);
      continue;
    }
    const rewritten: Rewritten = rewrite(text, path, sites.length, lambdas.length);
    const linked = linkForeignImports(rewritten.text, rewritten.spans, path);
    spans.set(path, linked.spans);
    sites.push(...rewritten.sites.map(site => ({ ...site, file: path })));
    lambdas.push(...rewritten.lambdas.map(({ range }) => ({ file: path, text, range })));
    findings.push(...rewritten.findings);
    project.write(path, linked.text);
  }
  return { project, entry: project.entry, texts, spans, sites, lambdas, findings };
}

/** Syntax errors of a text. Those after the first are often its consequences. */
function syntaxFindings(file: string, text: string): Finding[] {
  const first = syntaxError(file, text);
  if (!first) return [];
  const problem = first.text.replaceAll("\n", " ").replace(/\.$/, "").replaceAll("'", "`");
  return [diagnosticAt({ file, start: first.start, end: first.end }, messages.rewriteSyntax({ problem }))];
}

export interface Transpiled {
  /** JavaScript by file: URL. */
  readonly modules: ReadonlyMap<string, string>;
  /** Line of the JavaScript (from 1) → line of the author's file. Rewriting keeps lines, emitting does not. */
  authorLine(file: string, line: number): number;
}

/** JavaScript of the user's files. */
export function transpile({ project }: ProgramSources): Transpiled {
  const modules = new Map<string, string>();
  const maps = new Map<string, SourceMap>();
  for (const [path, text] of project.texts()) {
    const { text: code, map } = toJavaScript(path, text);
    modules.set(pathToFileURL(path).href, code.replace(/\n\/\/# sourceMappingURL=.*$/, ""));
    if (map) maps.set(path, new SourceMap(JSON.parse(map)));
  }
  const authorLine = (file: string, line: number) => {
    const entry = maps.get(file)?.findEntry(line - 1, 0);
    return entry && "originalLine" in entry ? entry.originalLine + 1 : line;
  };
  return { modules, authorLine };
}

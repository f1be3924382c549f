/**
 * A program's file and the TypeScript files it imports → one ts-morph project in which operators are already calls. Offsets of its
 * texts are offsets of rewritten texts; `sites` and `spans` lead back.
 */
import { createRequire, SourceMap } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ModuleKind, ModuleResolutionKind, Project, ScriptTarget, type SourceFile, ts } from "ts-morph";
import { isMerlonFile, type Rewritten, rewrite, type Site } from "../1-rewrite/rewrite.js";
import type { Span } from "../1-rewrite/spans.js";
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

const DSL = fileURLToPath(new URL("../dsl/index.d.ts", import.meta.url));

const OPTIONS: ts.CompilerOptions = {
  target: ScriptTarget.ES2022,
  lib: ["lib.es2022.d.ts"],
  module: ModuleKind.NodeNext,
  moduleResolution: ModuleResolutionKind.NodeNext,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  types: [],
  paths: { merlon: [DSL] },
};

/** Where the declarations of `merlon` and of what they name are: they stay as they are while a process lives. */
const KEPT = [
  new URL("../../", import.meta.url),
  new URL("../..", pathToFileURL(createRequire(import.meta.url).resolve("zod"))),
].map(url => fileURLToPath(url));

/** The project of an earlier program, holding nothing but those declarations, read and bound. */
let spare: Project | undefined;

/** A project that no other program uses meanwhile. */
function takeProject(): Project {
  const project =
    spare ??
    new Project({ compilerOptions: OPTIONS, skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  spare = undefined;
  return project;
}

/** The program is done with: its project serves the next one. `sources.project` must not be used any more. */
export function releaseSources({ project }: Pick<ProgramSources, "project">): void {
  for (const file of project.getSourceFiles())
    if (!(file.isDeclarationFile() && KEPT.some(folder => file.getFilePath().startsWith(folder)))) file.forget();
  spare = project;
}

/** Reads and rewrites the program's files. @throws when the entry file does not exist */
export function loadSources(entry: string): ProgramSources {
  const project = takeProject();
  project.addSourceFileAtPath(entry);
  project.resolveSourceFileDependencies();
  const texts = new Map<string, string>();
  const spans = new Map<string, readonly Span[]>();
  const sites: (Site & { file: string })[] = [];
  const lambdas: LambdaText[] = [];
  const findings: Finding[] = [];
  for (const file of project.getSourceFiles().filter(isUserFile)) {
    const path = file.getFilePath();
    const text = file.getFullText();
    texts.set(path, text);
    const slips = syntaxFindings(path, text);
    findings.push(...slips);
    if (slips.length > 0) continue;
    if (!isMerlonFile(path)) {
      spans.set(path, [{ source: 0, target: 0, length: text.length }]);
      continue;
    }
    const rewritten: Rewritten = rewrite(text, path, sites.length, lambdas.length);
    spans.set(path, rewritten.spans);
    sites.push(...rewritten.sites.map(site => ({ ...site, file: path })));
    lambdas.push(...rewritten.lambdas.map(({ range }) => ({ file: path, text, range })));
    findings.push(...rewritten.findings);
    file.replaceWithText(rewritten.text);
  }
  return { project, entry: project.getSourceFileOrThrow(entry).getFilePath(), texts, spans, sites, lambdas, findings };
}

/** Syntax errors of a text. Those after the first are often its consequences. */
function syntaxFindings(file: string, text: string): Finding[] {
  const { diagnostics = [] } = ts.transpileModule(text, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: { target: ScriptTarget.ES2022, module: ModuleKind.ESNext },
  });
  const [first] = diagnostics.filter(d => d.category === ts.DiagnosticCategory.Error);
  if (!first) return [];
  const start = Math.min(first.start ?? 0, Math.max(0, text.length - 1));
  const end = Math.min(text.length, Math.max(start + 1, start + (first.length ?? 1)));
  const problem = ts.flattenDiagnosticMessageText(first.messageText, " ").replace(/\.$/, "").replaceAll("'", "`");
  return [diagnosticAt({ file, start, end }, messages.rewriteSyntax({ problem }))];
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
  for (const file of project.getSourceFiles().filter(isUserFile)) {
    const path = file.getFilePath();
    const { outputText, sourceMapText } = ts.transpileModule(file.getFullText(), {
      fileName: path,
      compilerOptions: {
        target: ScriptTarget.ES2022,
        module: ModuleKind.ESNext,
        verbatimModuleSyntax: false,
        sourceMap: true,
      },
    });
    modules.set(pathToFileURL(path).href, outputText.replace(/\n\/\/# sourceMappingURL=.*$/, ""));
    if (sourceMapText) maps.set(path, new SourceMap(JSON.parse(sourceMapText)));
  }
  const authorLine = (file: string, line: number) => {
    const entry = maps.get(file)?.findEntry(line - 1, 0);
    return entry && "originalLine" in entry ? entry.originalLine + 1 : line;
  };
  return { modules, authorLine };
}

const isUserFile = (file: SourceFile): boolean =>
  !file.isDeclarationFile() && !file.isInNodeModules() && file.getFilePath().endsWith(".ts");

/**
 * The checker by TypeScript 6, which ts-morph carries: a project in memory, whose library and `merlon` declarations the next one reuses.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  DiagnosticCategory,
  ModuleKind,
  ModuleResolutionKind,
  Project as MorphProject,
  ScriptTarget,
  type SourceFile,
  ts,
} from "ts-morph";
import { authorName, FOREIGN, virtualName } from "../1-rewrite/file-form.js";
import { foreignImports } from "../1-rewrite/foreign-imports.js";
import type { JavaScript, Project, TypeScriptError } from "./checker.js";
import { typesOf } from "./types-of.js";

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

/** Options of one module alone. */
const MODULE: ts.CompilerOptions = { target: ScriptTarget.ES2022, module: ModuleKind.ESNext };

/** Folders of the declarations of `merlon` and of their dependencies: they do not change while a process lives. */
const KEPT = [
  new URL("../../", import.meta.url),
  new URL("../..", pathToFileURL(createRequire(import.meta.url).resolve("zod"))),
].map(url => fileURLToPath(url));

/** The project of an earlier program, holding nothing but those declarations, read and bound. */
let spare: MorphProject | undefined;

/** A project that no other program uses meanwhile. */
function takeProject(): MorphProject {
  const project =
    spare ??
    new MorphProject({
      compilerOptions: OPTIONS,
      skipAddingFilesFromTsConfig: true,
      skipFileDependencyResolution: true,
    });
  spare = undefined;
  return project;
}

/** Makes a project fit for the next program. */
function release(project: MorphProject): void {
  for (const file of project.getSourceFiles())
    if (!(file.isDeclarationFile() && KEPT.some(folder => file.getFilePath().startsWith(folder)))) file.forget();
  spare = project;
}

export function openProject(entry: string): Project {
  const project = takeProject();
  addFile(project, entry);
  const known = new Set<SourceFile>();
  do project.resolveSourceFileDependencies();
  while (addForeignImports(project, known));
  const fileOf = (path: string): SourceFile => project.getSourceFileOrThrow(virtualName(path));
  return {
    entry: authorPath(fileOf(entry)),
    texts: () =>
      new Map(
        project
          .getSourceFiles()
          .filter(isAuthors)
          .map(file => [authorPath(file), file.getFullText()]),
      ),
    write: (path, text) => void project.createSourceFile(virtualName(path), text, { overwrite: true }),
    tree: path => fileOf(path).compilerNode,
    errors: path =>
      fileOf(path)
        .getPreEmitDiagnostics()
        .map(({ compilerObject }) => compilerObject)
        .filter(isError)
        .map(toError),
    types: () => typesOf(project.getTypeChecker().compilerObject),
    close: () => release(project),
  };
}

/** A file of the program; a `.merlon` file is in the project under its virtual name. */
function addFile(project: MorphProject, path: string): void {
  if (path.endsWith(FOREIGN))
    project.createSourceFile(virtualName(path), readFileSync(path, "utf8").replace(/^\uFEFF/, ""), { overwrite: true });
  else project.addSourceFileAtPath(path);
}

/** Adds the `.merlon` files that files imported so far name. @returns whether there were any */
function addForeignImports(project: MorphProject, known: Set<SourceFile>): boolean {
  const before = project.getSourceFiles().length;
  for (const file of project.getSourceFiles().filter(isAuthors)) {
    if (known.has(file)) continue;
    known.add(file);
    for (const { text } of foreignImports(file.compilerNode)) {
      const path = resolve(dirname(file.getFilePath()), text);
      if (existsSync(path) && !project.getSourceFile(virtualName(path))) addFile(project, path);
    }
  }
  return project.getSourceFiles().length > before;
}

/** The author's path of a file of the project. A TypeScript file may be named as a virtual one is. */
function authorPath(file: SourceFile): string {
  const [virtual, author] = [file.getFilePath(), authorName(file.getFilePath())];
  return author === virtual || existsSync(author) ? author : virtual;
}

const isAuthors = (file: SourceFile): boolean =>
  !file.isDeclarationFile() && !file.isInNodeModules() && file.getFilePath().endsWith(".ts");

const isError = ({ category }: ts.Diagnostic): boolean => category === DiagnosticCategory.Error;

const toError = ({ start = 0, length = 1, code, messageText }: ts.Diagnostic): TypeScriptError => ({
  start,
  end: start + length,
  code,
  text: ts.flattenDiagnosticMessageText(messageText, "\n").replaceAll(virtualName(FOREIGN), FOREIGN),
});

export function syntaxError(path: string, text: string): TypeScriptError | undefined {
  const { diagnostics = [] } = ts.transpileModule(text, {
    fileName: virtualName(path),
    reportDiagnostics: true,
    compilerOptions: MODULE,
  });
  const first = diagnostics.find(isError);
  if (!first) return undefined;
  const error = toError(first);
  const start = Math.min(error.start, Math.max(0, text.length - 1));
  const end = Math.min(text.length, Math.max(start + 1, start + (first.length ?? 1)));
  return { ...error, start, end };
}

export function toJavaScript(path: string, text: string): JavaScript {
  const { outputText, sourceMapText } = ts.transpileModule(text, {
    fileName: virtualName(path),
    compilerOptions: { ...MODULE, verbatimModuleSyntax: false, sourceMap: true },
  });
  return { text: outputText, map: sourceMapText };
}

/**
 * The checker by TypeScript 6, which ts-morph carries: a program in memory. Programs share the trees of the library and of `merlon`.
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DiagnosticCategory, ModuleKind, ModuleResolutionKind, ScriptTarget, ts } from "ts-morph";
import { authorName, FOREIGN, virtualName } from "../1-rewrite/file-form.js";
import { foreignImports } from "../1-rewrite/foreign-imports.js";
import type { JavaScript, Project, TypeScriptError } from "./checker.js";
import { programHost, readText } from "./program-host.js";
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

export function openProject(entry: string): Project {
  const written = new Map<string, ts.SourceFile>();
  let current: ts.Program | undefined;
  let previous: ts.Program | undefined;
  const program = (): ts.Program => {
    current ??= ts.createProgram([...written.keys()], OPTIONS, programHost(written), previous);
    return current;
  };
  const write = (path: string, text: string): void => {
    const tree = ts.createSourceFile(path, text, ScriptTarget.ES2022, true);
    written.set(path, tree);
    previous = current ?? previous;
    current = undefined;
  };
  write(virtualName(entry), readText(entry));
  while (addImports(program(), written, write));
  const fileOf = (path: string): ts.SourceFile => {
    const file = program().getSourceFile(virtualName(path));
    if (!file) throw new Error(`${path} is not a file of the program`);
    return file;
  };
  return {
    entry: authorPath(virtualName(entry)),
    texts: () => new Map(authorsFiles(program()).map(file => [authorPath(file.fileName), file.text])),
    write: (path, text) => write(virtualName(path), text),
    tree: fileOf,
    errors: path => ts.getPreEmitDiagnostics(program(), fileOf(path)).filter(isError).map(toError),
    types: () => typesOf(program().getTypeChecker()),
    close: () => {
      current = undefined;
      previous = undefined;
    },
  };
}

/**
 * Adds the author's files that the files so far import. TypeScript has found all but `.merlon` files, which are added under their virtual names.
 * @returns whether there were any
 */
function addImports(
  program: ts.Program,
  written: ReadonlyMap<string, ts.SourceFile>,
  write: (path: string, text: string) => void,
): boolean {
  const before = written.size;
  for (const file of authorsFiles(program)) {
    if (!written.has(file.fileName)) write(file.fileName, file.text);
    for (const { text } of foreignImports(file)) {
      const path = resolve(dirname(file.fileName), text);
      if (existsSync(path) && !written.has(virtualName(path))) write(virtualName(path), readText(path));
    }
  }
  return written.size > before;
}

const depth = (path: string): number => path.split("/").length;

/** Neither declarations nor packages, in an order that does not depend on which file is the entry. */
const authorsFiles = (program: ts.Program): readonly ts.SourceFile[] =>
  program
    .getSourceFiles()
    .filter(
      ({ fileName, isDeclarationFile }) =>
        !isDeclarationFile && fileName.endsWith(".ts") && !fileName.includes("/node_modules/"),
    )
    .toSorted((a, b) => depth(a.fileName) - depth(b.fileName) || (a.fileName < b.fileName ? -1 : 1));

/** The author's path of a file of the program. A TypeScript file may be named as a virtual one is. */
function authorPath(virtual: string): string {
  const author = authorName(virtual);
  return author === virtual || existsSync(author) ? author : virtual;
}

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

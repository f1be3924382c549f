/**
 * Requests that syntax alone answers, on the author's text. Operators are TypeScript's own syntax, so positions need no mapping. The glue of the
 * virtual text does not show in an outline, a selection or a format.
 */
import type ts from "typescript";

/** The methods of a language service that read one file's syntax. */
const METHODS = [
  "getNavigationTree",
  "getNavigationBarItems",
  "getOutliningSpans",
  "getSmartSelectionRange",
  "getBraceMatchingAtPosition",
  "isValidBraceCompletionAtPosition",
  "getSpanOfEnclosingComment",
  "getDocCommentTemplateAtPosition",
  "getIndentationAtPosition",
  "getFormattingEditsForDocument",
  "getFormattingEditsForRange",
  "getFormattingEditsAfterKeystroke",
  "toggleLineComment",
  "toggleMultilineComment",
  "commentSelection",
  "uncommentSelection",
] as const satisfies readonly (keyof ts.LanguageService)[];

type Method = (typeof METHODS)[number];

/** A file as its author has it now. */
export interface AuthorFile {
  readonly snapshot: ts.IScriptSnapshot;
  readonly version: string;
}

/**
 * @param service answers for all other files
 * @param author undefined for a file that is not a program
 * @returns the methods above, by name
 */
export function authorSyntax(
  host: typeof ts,
  service: ts.LanguageService,
  options: () => ts.CompilerOptions,
  author: (file: string) => AuthorFile | undefined,
): Pick<ts.LanguageService, Method> {
  const scripts: ts.LanguageServiceHost = {
    getCompilationSettings: options,
    getCurrentDirectory: () => "",
    getDefaultLibFileName: () => "",
    getScriptFileNames: () => [],
    getScriptKind: () => host.ScriptKind.TS,
    getScriptVersion: file => author(file)?.version ?? "",
    getScriptSnapshot: file => author(file)?.snapshot,
    fileExists: () => false,
    readFile: () => undefined,
  };
  const syntax = host.createLanguageService(scripts, undefined, host.LanguageServiceMode.Syntactic);
  const answer =
    (method: Method) =>
    (file: string, ...rest: unknown[]): unknown => {
      const on = author(file) ? syntax : service;
      return (on[method] as (...all: unknown[]) => unknown)(file, ...rest);
    };
  return Object.fromEntries(METHODS.map(method => [method, answer(method)])) as unknown as Pick<
    ts.LanguageService,
    Method
  >;
}

/**
 * The language service of TypeScript, for files in which operators mean nodes. Positions are the author's, wrong operands are reported in
 * our words, and the rewriter's own findings are shown too.
 */
import type { Language } from "@volar/language-core";
import { createLanguageServicePlugin } from "@volar/typescript/lib/quickstart/createLanguageServicePlugin.js";
import type ts from "typescript";
import { isMerlonFile } from "../1-rewrite/file-form.js";
import { type Span, toSource, toTarget } from "../1-rewrite/spans.js";
import { findEnvironment } from "../typegen/environment.js";
import { asCompiler } from "./as-compiler.js";
import { type AuthorDiagnostic, authorDiagnostics } from "./author-diagnostics.js";
import { authorEdits } from "./author-edits.js";
import { authorSyntax } from "./author-syntax.js";
import { type ColumnChoices, columnChoices } from "./column-completions.js";
import { languagePlugin, type MerlonCode } from "./language-plugin.js";
import { quickFixes, withOurNumbers } from "./quick-fixes.js";

/** The plugin for tsserver. */
export const servicePlugin: ts.server.PluginModuleFactory = modules => {
  let language: Language<string> | undefined;
  const volar = createLanguageServicePlugin(() => ({
    languagePlugins: [languagePlugin(findEnvironment)],
    setup: made => {
      language = made;
    },
  }))(modules);
  return {
    ...volar,
    create(info) {
      const raw = info.languageService;
      const service = volar.create(info);
      if (service === raw) return service;
      const scripts = language?.scripts;
      const codeOf = (file: string) => scripts?.get(file)?.generated?.root as MerlonCode | undefined;
      const author = (file: string) => {
        const snapshot = isMerlonFile(file) ? scripts?.get(file)?.snapshot : undefined;
        return snapshot && { snapshot, version: info.languageServiceHost.getScriptVersion(file) };
      };
      const columns = (file: string, position: number): ts.CompletionInfo | undefined => {
        const code = codeOf(file);
        const program = service.getProgram();
        const source = program?.getSourceFile(file);
        const offset = code ? toTarget(code.spans, position) : position;
        if (!program || !source || offset === undefined) return undefined;
        const choices = columnChoices(...asCompiler(modules.typescript, program.getTypeChecker(), source), offset);
        return choices && completionInfo(choices, code?.spans);
      };
      /** Undefined for a file without operators of ours. */
      const diagnose = (file: string): readonly AuthorDiagnostic[] | undefined => {
        const code = isMerlonFile(file) ? codeOf(file) : undefined;
        const program = code && service.getProgram();
        return (
          program && authorDiagnostics(modules.typescript, program, file, raw.getSemanticDiagnostics(file), codeOf)
        );
      };
      return override(service, {
        getSemanticDiagnostics: file =>
          diagnose(file)?.map(({ diagnostic }) => diagnostic) ?? service.getSemanticDiagnostics(file),
        getCodeFixesAtPosition: (file, start, end, ...rest) => {
          const found = diagnose(file);
          const ours = found ? quickFixes(file, codeOf(file)!.source, found, start, end) : [];
          return [...ours, ...service.getCodeFixesAtPosition(file, start, end, ...rest)];
        },
        // tsserver converts places of definitions and implementations with it. They are the author's by then.
        toLineColumnOffset: (file, position) => {
          const code = isMerlonFile(file) ? codeOf(file) : undefined;
          return code ? lineAndCharacter(code.source, position) : service.toLineColumnOffset!(file, position);
        },
        ...authorEdits(raw, service, codeOf),
        ...authorSyntax(modules.typescript, service, () => info.project.getCompilationSettings(), author),
        getSupportedCodeFixes: file => withOurNumbers(service.getSupportedCodeFixes(file)),
        getCompletionsAtPosition: (file, position, ...rest) => {
          const found = service.getCompletionsAtPosition(file, position, ...rest);
          return columns(file, position) ?? (found && { ...found, entries: found.entries.filter(e => !isGlue(e)) });
        },
      });
    },
  };
};

/** From 0; lines end as TypeScript ends them. */
function lineAndCharacter(text: string, position: number): ts.LineAndCharacter {
  const lines = text.slice(0, position).split(/\r\n|[\n\r\u2028\u2029]/);
  return { line: lines.length - 1, character: lines.at(-1)!.length };
}

/** `$chain` and its like are for the rewriter alone. */
const isGlue = ({ name, source }: ts.CompletionEntry): boolean =>
  /^\$(chain|plus|minus|pick|list|lambda)$/.test(name) && (source === undefined || source === "merlon");

/** Choices as an editor lists them, the node's columns in the checker's order. */
function completionInfo({ columns, replace }: ColumnChoices, spans: readonly Span[] | undefined): ts.CompletionInfo {
  const start = spans ? toSource(spans, replace.start - 1)! + 1 : replace.start;
  const span = { start, length: replace.end - replace.start };
  return {
    isGlobalCompletion: false,
    isMemberCompletion: false,
    isNewIdentifierLocation: false,
    optionalReplacementSpan: span,
    entries: columns.map(({ name, type }) => ({
      name,
      // `ts.ScriptElementKind.string`; an enum of the host cannot be named by its value.
      kind: "string" as ts.ScriptElementKind,
      kindModifiers: "",
      sortText: "11",
      labelDetails: { description: type },
      replacementSpan: span,
    })),
  };
}

/** A service with some methods replaced; all others are the original's. */
const override = (service: ts.LanguageService, methods: Partial<ts.LanguageService>): ts.LanguageService =>
  new Proxy(service, {
    get: (target, name) =>
      Object.hasOwn(methods, name) ? methods[name as keyof typeof methods] : Reflect.get(target, name, target),
  });

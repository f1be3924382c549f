/**
 * Author's file → the virtual TypeScript file an editor shows it through: the same `rewrite` that the compiler uses. For Volar hosts (tsserver,
 * language servers).
 */
import type { CodeInformation, LanguagePlugin, VirtualCode } from "@volar/language-core";
import type {} from "@volar/typescript";
import { FOREIGN, isMerlonFile } from "../1-rewrite/file-form.js";
import type { Span } from "../1-rewrite/spans.js";
import type { Finding } from "../diagnostics/diagnostic.js";
import { virtualText } from "./virtual-text.js";

/** A virtual file that remembers what it was made from. */
export interface MerlonCode extends VirtualCode {
  readonly source: string;
  readonly spans: readonly Span[];
  readonly findings: readonly Finding[];
}

/** Formatting is left out: hosts format the author's text, where they format it at all (`author-syntax.ts`). */
const FEATURES: CodeInformation = {
  verification: true,
  completion: true,
  semantic: true,
  navigation: true,
  structure: true,
  format: false,
};

/** `ts.ScriptKind.TS`; the host's TypeScript is not loaded here. */
const TYPESCRIPT = 3;

/** `ts.ScriptKind.Deferred`: the service script decides. */
const DEFERRED = 7;

/**
 * @param environment the `merlon-env.d.ts` of a file's artefact types, if the editor's project may not include it
 * @param options.linesOfAuthor true for `runTsc`, which counts the lines of a message in the text at the start of the file. Volar then puts
 * the author's text before the virtual one
 */
export const languagePlugin = (
  environment: (file: string) => string | undefined = () => undefined,
  { linesOfAuthor = false } = {},
): LanguagePlugin<unknown, MerlonCode> => ({
  getLanguageId: id => (isMerlonFile(String(id)) ? "typescript" : undefined),
  createVirtualCode(id, languageId, snapshot) {
    const file = String(id);
    if (!isMerlonFile(file)) return undefined;
    const source = snapshot.getText(0, snapshot.getLength());
    const { text, spans, findings } = virtualText(source, file, environment(file));
    return {
      id: "main",
      languageId,
      source,
      spans,
      findings,
      snapshot: {
        getText: (start, end) => text.slice(start, end),
        getLength: () => text.length,
        getChangeRange: () => undefined,
      },
      mappings: spans.map(({ source, target, length }) => ({
        sourceOffsets: [source],
        generatedOffsets: [target],
        lengths: [length],
        data: FEATURES,
      })),
    };
  },
  typescript: {
    extraFileExtensions: [{ extension: FOREIGN.slice(1), isMixedContent: true, scriptKind: DEFERRED }],
    getServiceScript: code => ({
      code,
      extension: ".ts",
      scriptKind: TYPESCRIPT,
      preventLeadingOffset: !linesOfAuthor,
    }),
  },
});

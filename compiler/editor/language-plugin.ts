/**
 * Author's file → the virtual TypeScript file an editor shows it through: the same `rewrite` that the compiler uses. For Volar hosts (tsserver,
 * language servers).
 */
import type { CodeInformation, LanguagePlugin, VirtualCode } from "@volar/language-core";
import type {} from "@volar/typescript";
import { isMerlonFile, type Rewritten, rewrite } from "../1-rewrite/rewrite.js";
import type { Span } from "../1-rewrite/spans.js";
import type { Finding } from "../diagnostics/diagnostic.js";

/** A virtual file that remembers what it was made from. */
export interface MerlonCode extends VirtualCode {
  readonly source: string;
  readonly spans: readonly Span[];
  readonly findings: readonly Finding[];
}

/** Formatting is left out: formatters parenthesise `a >> b >> c`. */
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

/**
 * @param environment the `merlon-env.d.ts` that a file's artefact types come from, if the editor's project may not include it
 */
export const languagePlugin = (
  environment: (file: string) => string | undefined = () => undefined,
): LanguagePlugin<unknown, MerlonCode> => ({
  getLanguageId: id => (isMerlonFile(String(id)) ? "typescript" : undefined),
  createVirtualCode(id, languageId, snapshot) {
    const file = String(id);
    if (!isMerlonFile(file)) return undefined;
    const source = snapshot.getText(0, snapshot.getLength());
    const rewritten = rewrite(source, file);
    const { text: virtual, spans } = standClear(rewritten);
    const types = environment(file);
    const text = types ? `${virtual}\nimport type {} from ${JSON.stringify(types)};\n` : virtual;
    return {
      id: "main",
      languageId,
      source,
      spans,
      findings: rewritten.findings,
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
    extraFileExtensions: [],
    getServiceScript: code => ({ code, extension: ".ts", scriptKind: TYPESCRIPT, preventLeadingOffset: true }),
  },
});

/**
 * Puts a space before each helper's name. An offset where an operand starts is also where the text before it ends; without the space the
 * latter would touch `$chain`, and a hover would show that.
 */
function standClear({ text, spans }: Rewritten): { text: string; spans: Span[] } {
  let out = "";
  let at = 0;
  const moved = spans.map(({ source, target, length }) => {
    const glue = text.slice(at, target);
    out += glue.startsWith("$") ? ` ${glue}` : glue;
    const span = { source, target: out.length, length };
    out += text.slice(target, target + length);
    at = target + length;
    return span;
  });
  return { text: out + text.slice(at), spans: moved };
}

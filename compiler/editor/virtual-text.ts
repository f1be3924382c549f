/**
 * Author's text → the text that a language server reads in its place: what the compiler's `rewrite` makes of it, and the types of artefacts.
 */
import { type Rewritten, rewrite } from "../1-rewrite/rewrite.js";
import type { Span } from "../1-rewrite/spans.js";
import type { Finding } from "../diagnostics/diagnostic.js";

/** TypeScript requires a number; our codes are names, which are in the text. */
export const DIAGNOSTIC_NUMBER = 90_000;

export interface VirtualText {
  readonly text: string;
  readonly spans: readonly Span[];
  readonly findings: readonly Finding[];
}

/** @param environment the `merlon-env.d.ts` of the file's artefact types, which the editor's project may leave out */
export function virtualText(source: string, file: string, environment: string | undefined): VirtualText {
  const rewritten = rewrite(source, file);
  const { text, spans } = standClear(rewritten);
  const types = environment === undefined ? "" : `\nimport type {} from ${JSON.stringify(environment)};\n`;
  return { text: text + declarations(rewritten.helpers) + types, spans, findings: rewritten.findings };
}

/**
 * Declares the helpers where the compiler imports them. A quick fix would add names to an import of `merlon` behind the author's text.
 * "Organize imports" would merge that import with the author's. The empty export keeps the file a module.
 */
const declarations = (helpers: readonly string[]): string =>
  helpers.length
    ? `\n\n${helpers.map(name => `declare const ${name}: typeof import("merlon").${name};\n`).join("")}export {};\n`
    : "";

/**
 * Puts a space before each helper's name. An operand starts at the offset where the text before it ends. Without the space that text would
 * touch `$chain`, and a hover would show the helper.
 */
function standClear({ body, spans }: Rewritten): { text: string; spans: Span[] } {
  let out = "";
  let at = 0;
  const moved = spans.map(({ source, target, length }) => {
    const glue = body.slice(at, target);
    out += glue.startsWith("$") ? ` ${glue}` : glue;
    const span = { source, target: out.length, length };
    out += body.slice(target, target + length);
    at = target + length;
    return span;
  });
  return { text: out + body.slice(at), spans: moved };
}

/**
 * A `.merlon` file → the response of a content mapper of TypeScript 7.1: the virtual text, its source map, and the rewriter's findings.
 * Offsets are UTF-16.
 */
import { type Range, type Span, toTarget } from "../1-rewrite/spans.js";
import type { Finding } from "../diagnostics/diagnostic.js";
import { DIAGNOSTIC_NUMBER, virtualText } from "./virtual-text.js";

/** `[virtual start, virtual length, author's start, author's length, kind, features]` */
type Mapping = readonly [number, number, number, number, number, number];
/** `[author's start, author's length, virtual start, virtual end, policy]` */
type Directive = readonly [number, number, number, number, number];

export interface MappedFile {
  readonly text: string;
  readonly extension: ".ts";
  readonly mappings: readonly Mapping[];
  readonly diagnostics: readonly {
    readonly messageText: string;
    readonly start: number;
    readonly length: number;
    readonly code: number;
  }[];
  readonly diagnosticDirectives: {
    readonly unusedExpectDirectiveDiagnostics: readonly never[];
    readonly directives: readonly Directive[];
  };
}

/** The protocol's kind of a mapping between equal texts. */
const VERBATIM = 0;
/** The protocol's policy that drops TypeScript's diagnostics in a range. */
const IGNORE = 0;
/** All features of the protocol but formatting, which parenthesizes `a >> b >> c`. */
const FEATURES = ((1 << 20) - 1) & ~(1 << 11);

export function mapFile(content: string, file: string, environment: string | undefined): MappedFile {
  const { text, spans, findings } = virtualText(content, file, environment);
  return {
    text,
    extension: ".ts",
    mappings: spans.map(({ source, target, length }) => [target, length, source, length, VERBATIM, FEATURES]),
    diagnostics: findings.map(({ site, message, help, code }) => ({
      messageText: `${message} [${code}]\n${help}`,
      start: site.start,
      length: site.end - site.start,
      code: DIAGNOSTIC_NUMBER,
    })),
    diagnosticDirectives: {
      unusedExpectDirectiveDiagnostics: [],
      directives: linesOf(content, findings).flatMap(range => ignore(range, spans)),
    },
  };
}

/** The lines with findings: what TypeScript says there follows from them. They do not overlap. */
function linesOf(content: string, findings: readonly Finding[]): Range[] {
  const lines: Range[] = [];
  for (const { site } of [...findings].sort((a, b) => a.site.start - b.site.start)) {
    const start = content.lastIndexOf("\n", site.start - 1) + 1;
    const after = content.indexOf("\n", Math.max(start, site.end - 1));
    const end = after < 0 ? content.length : after;
    const last = lines.at(-1);
    if (last && start <= last.end) lines[lines.length - 1] = { start: last.start, end: Math.max(end, last.end) };
    else lines.push({ start, end });
  }
  return lines;
}

function ignore({ start, end }: Range, spans: readonly Span[]): Directive[] {
  const [first, last] = [toTarget(spans, start), toTarget(spans, end - 1)];
  return first === undefined || last === undefined ? [] : [[start, end - start, first, last + 1, IGNORE]];
}

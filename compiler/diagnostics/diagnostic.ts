/**
 * A message of the compiler about a user's file: code, text, place, related places and a fix; and its printing.
 */
import { type Fix, fixesOf, type Replacement } from "./fixes.js";

export { didYouMean, nearNames } from "./near-names.js";

export type Severity = "error" | "warning";

/** A message without a place: what a constructor of `messages.ts` returns. */
export interface Message {
  readonly code: string;
  readonly message: string;
  /** The fix, with the text to type if there is one. */
  readonly help: string;
  /** Exact corrections, the likeliest first. */
  readonly replacements?: readonly Replacement[];
}

/** A half-open range of characters in a file. */
export interface DiagnosticSite {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** A message at a place of the author's text. */
export interface Finding extends Message {
  readonly severity: Severity;
  readonly site: DiagnosticSite;
  readonly related: readonly { readonly note: string; readonly site: DiagnosticSite }[];
}

/** A finding with line and column, ready to print. Lines and columns start at 1. */
export interface Diagnostic extends Finding {
  readonly line: number;
  readonly column: number;
  readonly fixes: readonly Fix[];
}

export const diagnosticAt = (
  site: DiagnosticSite,
  message: Message,
  related: Finding["related"] = [],
  severity: Severity = "error",
): Finding => ({
  ...message,
  severity,
  site,
  related,
});

/** Line and column (from 1) of an offset. */
export function position(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: offset - (before.lastIndexOf("\n") + 1) + 1 };
}

/** Sorts, drops doubles, and adds line, column and fixes. `read` gives a file's text. */
export function locate(findings: readonly Finding[], read: (file: string) => string): Diagnostic[] {
  const seen = new Set<string>();
  return findings
    .map(finding => {
      const text = read(finding.site.file);
      const { site, replacements } = finding;
      return { ...finding, ...position(text, site.start), fixes: fixesOf(text, site, replacements) };
    })
    .sort(
      (a, b) =>
        a.site.file.localeCompare(b.site.file) ||
        a.site.start - b.site.start ||
        a.site.end - b.site.end ||
        a.code.localeCompare(b.code),
    )
    .filter(({ code, site, message }) => {
      const key = `${code} ${site.file} ${site.start} ${message}`;
      return !seen.has(key) && seen.add(key);
    });
}

/** "`a`, `b` and 4 more". */
export function listNames(names: readonly string[], most = 8): string {
  if (names.length === 0) return "no columns";
  const shown = names.slice(0, most).map(name => `\`${name}\``);
  return names.length > most ? `${shown.join(", ")} and ${names.length - most} more` : shown.join(", ");
}

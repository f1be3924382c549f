/**
 * A message of the compiler about a user's file: code, text, place, related places and a fix; and its printing.
 */
import { editDistance } from "../../contract/edit-distance.js";

export type Severity = "error" | "warning";

/** A message without a place: what a constructor of `messages.ts` returns. */
export interface Message {
  readonly code: string;
  readonly message: string;
  /** The fix, with the text to type if there is one. */
  readonly help: string;
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

/** Sorts, drops doubles, and adds line and column. `read` gives a file's text. */
export function locate(findings: readonly Finding[], read: (file: string) => string): Diagnostic[] {
  const seen = new Set<string>();
  return findings
    .map(finding => ({ ...finding, ...position(read(finding.site.file), finding.site.start) }))
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

/** Names near to a wrong one, closest first; at most three. */
export function nearNames(wrong: string, names: Iterable<string>): string[] {
  const limit = Math.max(1, Math.floor(wrong.length / 3));
  return [...new Set(names)]
    .map(name => ({ name, distance: editDistance(wrong.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= limit || name.toLowerCase().includes(wrong.toLowerCase()))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** ` Did you mean \`price\`?`, or nothing. */
export const didYouMean = (wrong: string, names: Iterable<string>): string => {
  const near = nearNames(wrong, names);
  return near.length ? ` Did you mean ${near.map(name => `\`${name}\``).join(" or ")}?` : "";
};

/** "`a`, `b` and 4 more". */
export function listNames(names: readonly string[], most = 8): string {
  if (names.length === 0) return "no columns";
  const shown = names.slice(0, most).map(name => `\`${name}\``);
  return names.length > most ? `${shown.join(", ")} and ${names.length - most} more` : shown.join(", ");
}

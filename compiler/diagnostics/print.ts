/**
 * Diagnostics → what a terminal or a tool shows: the message, a code frame with the operand underlined, and the way out.
 */
import { relative } from "node:path";
import { type Diagnostic, type DiagnosticSite, position } from "./diagnostic.js";
import { painter } from "./paint.js";

export interface PrintOptions {
  /** Text of a file. */
  readonly read: (file: string) => string;
  readonly color?: boolean;
  /** Paths are shown relative to this folder. */
  readonly folder?: string;
}

/** All diagnostics and a closing count; empty text for none. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], options: PrintOptions): string {
  if (diagnostics.length === 0) return "";
  const errors = diagnostics.filter(d => d.severity === "error").length;
  const warnings = diagnostics.length - errors;
  const count = [
    errors && `${errors} error${errors > 1 ? "s" : ""}`,
    warnings && `${warnings} warning${warnings > 1 ? "s" : ""}`,
  ]
    .filter(Boolean)
    .join(" and ");
  return `${diagnostics.map(d => printDiagnostic(d, options)).join("\n")}\nFound ${count}.\n`;
}

function printDiagnostic(diagnostic: Diagnostic, options: PrintOptions): string {
  const paint = painter(options.color ?? false);
  const tone = diagnostic.severity === "error" ? paint.red : paint.yellow;
  const place = (site: DiagnosticSite) => {
    const { line, column } = position(options.read(site.file), site.start);
    const path = options.folder ? relative(options.folder, site.file) : site.file;
    return `${path.startsWith("..") ? site.file : path}:${line}:${column}`;
  };
  const related = diagnostic.related.map(
    ({ note, site }) =>
      `${paint.blue("note")}: ${note} ${paint.dim(place(site))}\n${codeFrame(site, options, paint.blue)}`,
  );
  return [
    `${paint.bold(place(diagnostic.site))}: ${tone(`${diagnostic.severity}[${diagnostic.code}]`)} ${diagnostic.message}`,
    codeFrame(diagnostic.site, options, tone),
    ...related,
    `${paint.green("help")}: ${diagnostic.help}\n`,
  ].join("\n");
}

/** The lines around a site, its first line underlined. */
export function codeFrame(
  site: DiagnosticSite,
  options: PrintOptions,
  tone: (text: string) => string = text => text,
): string {
  const text = options.read(site.file);
  const { line, column } = position(text, site.start);
  const lines = text.split("\n");
  const shown = [line - 1, line, line + 1].filter(
    n => n >= 1 && n <= lines.length && (n === line || lines[n - 1]!.trim() !== ""),
  );
  const margin = String(shown.at(-1)).length;
  return shown
    .flatMap(n => {
      const row = `  ${String(n).padStart(margin)} | ${lines[n - 1]}`;
      if (n !== line) return [row];
      const width = Math.max(1, Math.min(site.end - site.start, lines[n - 1]!.length - column + 1));
      return [row, `  ${" ".repeat(margin)} | ${" ".repeat(column - 1)}${tone("^".repeat(width))}`];
    })
    .join("\n");
}

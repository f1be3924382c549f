/**
 * Diagnostics → JSON for tools: one document with every finding, its range in lines and columns (from 1) and in characters (from 0).
 */
import { type Diagnostic, type DiagnosticSite, position } from "./diagnostic.js";

/** @param read text of a file */
export function printDiagnosticsJson(diagnostics: readonly Diagnostic[], read: (file: string) => string): string {
  const range = ({ file, start, end }: DiagnosticSite) => {
    const text = read(file);
    return { file, start: { ...position(text, start), offset: start }, end: { ...position(text, end), offset: end } };
  };
  const document = {
    format: "merlon/diagnostics",
    version: 1,
    errors: diagnostics.filter(d => d.severity === "error").length,
    warnings: diagnostics.filter(d => d.severity === "warning").length,
    diagnostics: diagnostics.map(({ code, severity, message, help, site, related, fixes }) => ({
      code,
      severity,
      message,
      help,
      ...range(site),
      related: related.map(({ note, site }) => ({ note, ...range(site) })),
      fixes: fixes.map(({ title, edits }) => ({
        title,
        edits: edits.map(({ start, end, text }) => ({ ...range({ file: site.file, start, end }), text })),
      })),
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/**
 * TypeScript's findings in a virtual file → the author's: original positions, our words for wrong operands, and the rewriter's findings in
 * place of their consequences.
 */
import type ts from "typescript";
import { type Range, toSourceRange } from "../1-rewrite/spans.js";
import { operandFault } from "../2-check/operand-fault.js";
import { reword } from "../2-check/reword.js";
import type { Finding } from "../diagnostics/diagnostic.js";
import type { Replacement } from "../diagnostics/fixes.js";
import { asCompiler } from "./as-compiler.js";
import type { MerlonCode } from "./language-plugin.js";
import { DIAGNOSTIC_NUMBER } from "./virtual-text.js";

type Host = typeof ts;

/** Operands of an operator that the rewriter refused: it has said why. */
const ARITHMETIC = new Set([2362, 2363, 2365]);

/** A diagnostic, and the corrections of it that we know. */
export interface AuthorDiagnostic {
  readonly diagnostic: ts.Diagnostic;
  readonly replacements: readonly Replacement[];
}

export function authorDiagnostics(
  host: Host,
  program: ts.Program,
  fileName: string,
  raw: readonly ts.Diagnostic[],
  codeOf: (file: string) => MerlonCode | undefined,
): AuthorDiagnostic[] {
  const code = codeOf(fileName);
  const virtual = program.getSourceFile(fileName);
  if (!code || !virtual) return raw.map(diagnostic => ({ diagnostic, replacements: [] }));
  const files = new Map<string, ts.SourceFile>();
  const { findings, spans } = code;
  const checker = program.getTypeChecker();
  const said = findings.map(finding => ({
    diagnostic: fromFinding(host, authorFile(host, files, fileName, code), finding),
    replacements: finding.replacements ?? [],
  }));
  const found = raw.flatMap(diagnostic => {
    const start = diagnostic.start ?? 0;
    const range = toSourceRange(spans, { start, end: start + (diagnostic.length ?? 0) });
    if (!range || findings.some(({ site }) => site.start < range.end && range.start < site.end)) return [];
    if (findings.length && ARITHMETIC.has(diagnostic.code)) return [];
    const text = host.flattenDiagnosticMessageText(diagnostic.messageText, "\n");
    const fault = operandFault(...asCompiler(host, checker, virtual), start);
    const message = reword(text, diagnostic.code, fault);
    const ours = message.code === "type/operand";
    const moved = {
      ...diagnostic,
      ...place(range),
      file: authorFile(host, files, fileName, code),
      ...(ours && { messageText: `${message.message}\n${message.help}`, source: "merlon" }),
      relatedInformation: (diagnostic.relatedInformation ?? []).flatMap(related =>
        atAuthor(host, files, related, codeOf),
      ),
    };
    return [{ diagnostic: moved, replacements: message.replacements ?? [] }];
  });
  return [...said, ...found];
}

const place = ({ start, end }: Range) => ({ start, length: end - start });

const fromFinding = (host: Host, file: ts.SourceFile, { site, message, help, code }: Finding): ts.Diagnostic => ({
  file,
  ...place(site),
  category: host.DiagnosticCategory.Error,
  code: DIAGNOSTIC_NUMBER,
  source: "merlon",
  messageText: `${message} [${code}]\n${help}`,
});

/** A related place, if it is one of the author's. */
function atAuthor(
  host: Host,
  files: Map<string, ts.SourceFile>,
  related: ts.DiagnosticRelatedInformation,
  codeOf: (file: string) => MerlonCode | undefined,
): ts.DiagnosticRelatedInformation[] {
  const code = related.file && codeOf(related.file.fileName);
  if (!code || !related.file || related.start === undefined) return [related];
  const range = toSourceRange(code.spans, {
    start: related.start,
    end: related.start + (related.length ?? 1),
  });
  return range ? [{ ...related, ...place(range), file: authorFile(host, files, related.file.fileName, code) }] : [];
}

/** The author's text as a file, for lines and columns. */
function authorFile(host: Host, files: Map<string, ts.SourceFile>, name: string, code: MerlonCode): ts.SourceFile {
  const made = files.get(name) ?? host.createSourceFile(name, code.source, host.ScriptTarget.Latest);
  files.set(name, made);
  return made;
}

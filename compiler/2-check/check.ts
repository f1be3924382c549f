/**
 * Rewritten project → what TypeScript finds wrong, at the author's operands and in our words.
 */
import { DiagnosticCategory, type Diagnostic as TsDiagnostic, ts } from "ts-morph";
import { toSourceRange } from "../1-rewrite/spans.js";
import { diagnosticAt, type Finding } from "../diagnostics/diagnostic.js";
import { operandFault } from "./operand-fault.js";
import { reword } from "./reword.js";
import type { ProgramSources } from "./sources.js";

export function check(sources: ProgramSources): Finding[] {
  const findings: Finding[] = [];
  const checker = sources.project.getTypeChecker().compilerObject;
  for (const [file, spans] of sources.spans) {
    const source = sources.project.getSourceFileOrThrow(file);
    for (const diagnostic of source.getPreEmitDiagnostics()) {
      if (diagnostic.getCategory() !== DiagnosticCategory.Error) continue;
      const start = diagnostic.getStart() ?? 0;
      const end = start + (diagnostic.getLength() ?? 1);
      const range = toSourceRange(spans, { start, end }) ?? { start: 0, end: 1 };
      const fault = operandFault(ts, checker, source.compilerNode, start);
      findings.push(diagnosticAt({ file, ...range }, reword(textOf(diagnostic), diagnostic.getCode(), fault)));
    }
  }
  return findings;
}

function textOf(diagnostic: TsDiagnostic): string {
  const given = diagnostic.getMessageText();
  return typeof given === "string" ? given : ts.flattenDiagnosticMessageText(given.compilerObject, "\n");
}

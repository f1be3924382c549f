/**
 * Rewritten project → what TypeScript finds wrong, at the author's operands and in our words.
 */
import { toSourceRange } from "../1-rewrite/spans.js";
import * as ts from "../checker/syntax.js";
import { diagnosticAt, type Finding } from "../diagnostics/diagnostic.js";
import { operandFault } from "./operand-fault.js";
import { reword } from "./reword.js";
import type { ProgramSources } from "./sources.js";
import { inOurWords } from "./typescript-words.js";

export function check(sources: ProgramSources): Finding[] {
  const findings: Finding[] = [];
  const { project } = sources;
  const types = project.types();
  for (const [file, spans] of sources.spans) {
    const tree = project.tree(file);
    for (const { start, end, code, text } of project.errors(file)) {
      const range = toSourceRange(spans, { start, end }) ?? { start: 0, end: 1 };
      const fault = operandFault(ts, types, tree, start);
      const ours = inOurWords(code, text, { types, file: tree, start, end });
      const at = ours?.at && toSourceRange(spans, { start: ours.at.getStart(tree), end: ours.at.end });
      findings.push(diagnosticAt({ file, ...(at ?? range) }, ours?.message ?? reword(text, code, fault)));
    }
  }
  return withoutEchoes(findings);
}

/** Says what TypeScript says, and not what the mistake is. */
export const isGeneral = ({ code }: Finding): boolean =>
  ["type/typescript", "type/operand", "type/arguments", "type/option"].includes(code);

const touches = ({ site: a }: Finding, { site: b }: Finding): boolean =>
  a.file === b.file && a.start < b.end && b.start < a.end;

/** A finding of TypeScript about an expression is omitted if it is due to a mistake inside, which has its own finding. */
function withoutEchoes(findings: readonly Finding[]): Finding[] {
  const causes = findings.filter(finding => !isGeneral(finding) || finding.code === "type/option");
  const early = causes.some(({ code }) => code === "type/used-before");
  return findings.filter(
    finding =>
      !isGeneral(finding) ||
      finding.code === "type/option" ||
      !(
        (/\(TS2589\)$/.test(finding.message) && findings.some(other => other !== finding && touches(other, finding))) ||
        (early && /\(TS(2454|7022)\)$/.test(finding.message)) ||
        causes.some(cause => touches(cause, finding))
      ),
  );
}

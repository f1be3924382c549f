/**
 * Rewritten project → what TypeScript finds wrong, at the author's operands and in our words.
 */
import { DiagnosticCategory, type Diagnostic as TsDiagnostic, ts } from "ts-morph";
import { toSourceRange } from "../1-rewrite/spans.js";
import { diagnosticAt, type Finding, type Message } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import type { ProgramSources } from "./sources.js";

export function check(sources: ProgramSources): Finding[] {
  const findings: Finding[] = [];
  for (const [file, spans] of sources.spans) {
    for (const diagnostic of sources.project.getSourceFileOrThrow(file).getPreEmitDiagnostics()) {
      if (diagnostic.getCategory() !== DiagnosticCategory.Error) continue;
      const start = diagnostic.getStart() ?? 0;
      const end = start + (diagnostic.getLength() ?? 1);
      const range = toSourceRange(spans, { start, end }) ?? { start: 0, end: 1 };
      findings.push(diagnosticAt({ file, ...range }, reword(diagnostic)));
    }
  }
  return findings;
}

/** A sentence in place of a type is ours: it is what the operand's rule found. */
const SENTENCE = /is not assignable to parameter of type '"((?:[^"\\]|\\.)*)"/;

const WAYS: readonly (readonly [RegExp, string])[] = [
  [/^no column/, "Pick a column that the node has, or make it before."],
  [
    /^both sides of \+/,
    'Write `(left - "name") + right`, `>> rename({ prefix: "left_" })`, or `left.plus(right, { wins: "right" })`.',
  ],
  [/^left of >>/, 'Write `source({ price: "float32" })`, or `["price"] >> clip({ min: 0 })`.'],
  [/^right of >>/, "Call the operator: `>> clip({ min: 0 })`."],
  [/works on numbers/, "Encode the text first, `>> categorify()`, or leave the column out."],
];

function reword(diagnostic: TsDiagnostic): Message {
  const given = diagnostic.getMessageText();
  const text = typeof given === "string" ? given : ts.flattenDiagnosticMessageText(given.compilerObject, "\n");
  const quoted = SENTENCE.exec(text)?.[1];
  if (quoted === undefined)
    return messages.typeTypescript({ text: text.split("\n")[0]!.replace(/\.$/, ""), number: diagnostic.getCode() });
  const sentence = quoted.replace(/\\(.)/g, "$1");
  const way = WAYS.find(([pattern]) => pattern.test(sentence))?.[1] ?? "Change the operand at the mark.";
  return messages.typeOperand({ sentence: `${sentence[0]!.toUpperCase()}${sentence.slice(1)}`, way });
}

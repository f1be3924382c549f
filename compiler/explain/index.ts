/**
 * `merlon explain`: program, plan or repository → its plan as text, Mermaid, JSON or an HTML page; two of them → what changed.
 */
import type { PassName } from "../4-plan/pass-names.js";
import type { TritonOptions } from "../5-emit/onnx/triton-models.js";
import type { Compiled, NotCompiled } from "../compile.js";
import { diffPlans } from "./diff-plans.js";
import { explainLowered, printLowered } from "./explain-lowered.js";
import { explainPlan } from "./explain-plan.js";
import { layOut } from "./layout.js";
import { loadTarget, programTarget, type Target } from "./load-target.js";
import { printDiff } from "./print-diff.js";
import { printHtml } from "./print-html.js";
import { printMermaid } from "./print-mermaid.js";
import { printExplanation } from "./print-text.js";
import { drawPicture } from "./svg.js";

export const EXPLAIN_FORMATS = ["text", "mermaid", "json", "html"] as const;
export type ExplainFormat = (typeof EXPLAIN_FORMATS)[number];

/** The models of a program for `--target triton`, as text or JSON. @throws Error for a file that is not a program */
export async function explainTriton(
  path: string,
  { format, off }: ExplainSettings,
  triton: TritonOptions,
): Promise<Explained | NotCompiled> {
  if (format !== "text" && format !== "json")
    throw new Error(`The models for a stock Triton are printed as text or json, not as ${format}.`);
  const target = await loadTarget(path, off && { off });
  if (!target.ok) return target;
  if (!target.program)
    throw new Error(`${path} is not an *.ensemble.ts, so \`--target triton\` has no build to explain.`);
  const explanation = explainLowered(target.program, triton);
  return {
    ok: true,
    text: format === "json" ? `${JSON.stringify(explanation, null, 2)}\n` : printLowered(explanation),
  };
}

export interface ExplainSettings {
  readonly format: ExplainFormat;
  readonly color?: boolean;
  /** Passes to leave out. */
  readonly off?: ReadonlySet<PassName>;
}

export interface Explained {
  readonly ok: true;
  readonly text: string;
}

/**
 * @param path program, plan.json, fitted workflow, model or repository
 * @throws Error where there is no plan; what is wrong in a program is returned
 */
export async function explain(path: string, { format, color, off }: ExplainSettings): Promise<Explained | NotCompiled> {
  const target = await loadTarget(path, off && { off });
  return target.ok ? { ok: true, text: print(target, format, color) } : target;
}

/** The plan of a program that is compiled already. @param path of the program, as it is shown */
export const explainCompiled = (path: string, compiled: Compiled, format: ExplainFormat): string =>
  print(programTarget(path, compiled), format);

function print(target: Target, format: ExplainFormat, color?: boolean): string {
  const explanation = explainPlan(target.plan, target);
  return {
    text: () => printExplanation(explanation, color),
    mermaid: () => printMermaid(explanation),
    json: () => `${JSON.stringify(explanation, null, 2)}\n`,
    html: () => printHtml(explanation),
  }[format]();
}

/** @returns equal: whether nothing changed */
export async function explainDiff(
  before: string,
  after: string,
  { format, color, off }: ExplainSettings,
): Promise<(Explained & { readonly equal: boolean }) | NotCompiled> {
  if (format !== "text" && format !== "json")
    throw new Error(`A difference is printed as text or json, not as ${format}.`);
  const old = await loadTarget(before, off && { off });
  if (!old.ok) return old;
  const now = await loadTarget(after, off && { off });
  if (!now.ok) return now;
  const diff = diffPlans(old, now);
  const text = format === "json" ? `${JSON.stringify(diff, null, 2)}\n` : printDiff(diff, color);
  return { ok: true, text, equal: diff.steps.length === 0 && diff.request.length === 0 && diff.answer.length === 0 };
}

/** The picture of a built plan alone, for a page that has the style. @throws Error where there is no plan */
export async function drawPlan(path: string): Promise<string> {
  const target = await loadTarget(path);
  if (!target.ok) throw new Error(`${path} is not a built plan.`);
  return drawPicture(layOut(explainPlan(target.plan, target), "steps"));
}

/**
 * Difference of two plans → text: `+` for added, `-` for removed, `~` for changed, with both values.
 */

import { plural } from "../../operators/shared/spec/describe.js";
import { type Paint, painter } from "../diagnostics/paint.js";
import type { Change, PlanDiff } from "./diff-plans.js";

export function printDiff(diff: PlanDiff, color = false): string {
  const paint = painter(color);
  const sections = [
    ...section("request", diff.request, paint),
    ...diff.steps.flatMap(({ kind, id, op, changes }) => [
      kind === "added"
        ? paint.green(`+ ${id} (${op})`)
        : kind === "removed"
          ? paint.red(`- ${id} (${op})`)
          : `${paint.yellow("~")} ${paint.bold(id)}`,
      ...changes.map(change => printChange(change, paint)),
    ]),
    ...section("answer", diff.answer, paint),
  ];
  const count = (kind: string) => diff.steps.filter(step => step.kind === kind).length;
  const total = sections.length
    ? `${plural(count("added"), "step")} added, ${count("removed")} removed, ${count("changed")} changed, ${diff.same} the same`
    : `The same: ${plural(diff.same, "step")}, and every file they use.`;
  return [paint.dim(`${diff.before} → ${diff.after}`), ...sections, total, ""].join("\n");
}

const section = (name: string, changes: readonly Change[], paint: Paint): string[] =>
  changes.length ? [paint.bold(name), ...changes.map(change => printChange(change, paint))] : [];

function printChange({ what, before, after }: Change, paint: Paint): string {
  if (before === undefined) return paint.green(`    + ${what}: ${after}`);
  if (after === undefined) return paint.red(`    - ${what}: ${before}`);
  return `    ${paint.yellow("~")} ${what}: ${paint.red(before)} → ${paint.green(after)}`;
}

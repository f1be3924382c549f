/**
 * Describes faults of the settings that depend on the plan's inputs and outputs.
 */
import type { Plan } from "../../../contract/plan.js";
import { printColumn } from "../../../contract/schema.js";
import { shadowInside } from "../../../contract/shadows.js";
import { columnWithoutBatch } from "../configs.js";
import type { Settings } from "./read-settings.js";
import { warmUpProblems } from "./warm-up.js";

export function servingProblems(plan: Plan, settings: Settings): string[] {
  const unbatched = settings.dynamicBatching && columnWithoutBatch(plan);
  const nested = shadowInside(plan);
  return [
    ...(nested
      ? [
          `the shadow \`${nested.inner.label}\` is inside the branch of the shadow \`${nested.outer.label}\`, and would never run. Put it on the columns of the response`,
        ]
      : []),
    ...(unbatched
      ? [
          `\`dynamicBatching\` needs a batch dimension, which \`${printColumn(unbatched)}\` takes away: it has no fixed or bounded length. Give it one (${plan.inputs.includes(unbatched) ? `\`${unbatched.dtype}[20]\` in \`source\`, padded by the client` : "`listSlice` with `pad`"}), or leave \`dynamicBatching\` out`,
        ]
      : []),
    ...warmUpProblems(settings.warmup, plan.inputs),
  ];
}

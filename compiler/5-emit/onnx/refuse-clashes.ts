/** Plans that no Triton ensemble can express, as faults of a lowering. */

import type { Entry } from "../../../contract/entry-config.js";
import { type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import { KEEP, LoweringFault } from "../../../operators/shared/onnx/lowering.js";
import { clashOf, makesNothing } from "../ensemble/refusals.js";
import { NotLoweredError } from "./not-lowered.js";

/** @throws NotLoweredError with a way out */
export function refuseNothing(plan: Plan): void {
  const { name } = plan;
  if (makesNothing(plan))
    throw new NotLoweredError(name, [
      new LoweringFault(
        `\`${name}\` answers columns of the request as they are: a Triton ensemble needs a step that makes something`,
        "Build with `--fuse`.",
      ),
    ]);
}

/** @throws NotLoweredError with a way out */
export function refuseClashes(plan: Plan, entry: Entry): void {
  const clash = clashOf(plan, entry);
  if (!clash) return;
  const { step } = clash.output.ref;
  throw new NotLoweredError(plan.name, [
    new LoweringFault(
      `\`${plan.name}\` answers \`${clash.name}\`, and the request has another column of that name: a graph and an ensemble have one tensor of a name`,
      `Rename the answer (\`>> rename({ postfix: "_out" })\`), or ${KEEP}.`,
      step === REQUEST_STEP ? undefined : step,
    ),
  ]);
}

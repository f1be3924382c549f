/** Chosen candidates that leave an ensemble as codes, which its clients do not know. */
import { codesOf } from "../../../contract/id-space.js";
import { chooses, factsOf } from "../../../contract/step-facts.js";
import type { Bound } from "../../../operators/shared/author/bound.js";
import * as messages from "../../diagnostics/messages.js";
import { type Inference, type InferredStep, report } from "./inference.js";
import { type StepsById, stepsById } from "./origin.js";

/** Warns of a column of the answer. Codes that no step chose among are features. */
export function reportCodes(inference: Inference, bound: Bound): void {
  const codes = codesOf(bound.column);
  const step = codes && chosenBy(bound, stepsById(inference));
  if (!codes || !step) return;
  const message = messages.graphCodesAnswered({ column: bound.column.name, of: codes.of, operator: step.op });
  report(inference, message, step.site, "whole", [], "warning");
}

/** The step that chose, past those that only name columns. */
function chosenBy({ ref }: Bound, steps: StepsById): InferredStep | undefined {
  const step = steps.get(ref.step);
  if (!step || chooses(step)) return step;
  const at = step.outputs.findIndex(({ name }) => name === ref.column);
  const before = factsOf(step.op).describes ? step.inputs.input[at] : undefined;
  return before && chosenBy(before, steps);
}

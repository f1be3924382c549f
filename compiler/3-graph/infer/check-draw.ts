/** Propensities that would not be those of the list that is shown. */
import { type DrawSteps, drawOf } from "../../../contract/exact-draw.js";
import { LIST_PROPENSITY, PROPENSITY } from "../../../operators/shared/spec/propensity.js";
import * as messages from "../../diagnostics/messages.js";
import { type Inference, type InferredStep, report } from "./inference.js";

/** Reports columns of propensities that a step makes or passes on to other rows, if they are not exact there. @param step the last one */
export function checkDraw(inference: Inference, step: InferredStep): void {
  const column = step.outputs.find(({ properties }) => PROPENSITY in properties || LIST_PROPENSITY in properties);
  if (!column || !step.madeRows) return;
  const draw = drawOf(inference.steps.map(planned), step.id);
  if (draw.exact) return;
  const { because, way } = draw;
  report(inference, messages.graphPropensity({ operator: step.op, column: column.name, because, way }), step.site);
}

/** The step as it would be in a plan. */
function planned({ id, op, params, inputs, outputs }: InferredStep): DrawSteps[number] {
  const refs = Object.entries(inputs).flatMap(([port, columns]) =>
    columns ? [[port, columns.map(({ ref }) => ref)] as const] : [],
  );
  // The ports are those of the operator: `infer` made them.
  return { id, op, label: id, params, inputs: Object.fromEntries(refs), outputs } as unknown as DrawSteps[number];
}

/** Plan → a function from request columns to answer columns, by the kernels of all operators. */
import type { FittedPlan } from "../../../contract/plan.js";
import { prepareKernel } from "../../../operators/kernels.js";
import type { PreparePlanContext } from "./kernel.js";
import type { ExecutablePlan } from "./plan-result.js";
import { preparePlanWith } from "./prepare-plan.js";

/**
 * Prepares every step, in order.
 * @throws RuntimeFault naming the step and the artefact; steps prepared before are closed
 */
export const preparePlan = (plan: FittedPlan, context: PreparePlanContext): Promise<ExecutablePlan> =>
  preparePlanWith(prepareKernel, plan, context);

/**
 * Middleware between a plan and its steps.
 */
import type { AnyStep, Plan } from "../../../contract/plan.js";
import type { PreparedKernel } from "./kernel.js";

export interface StepPlace {
  /** The model whose plan it is. */
  readonly model: string;
  readonly plan: Plan;
  readonly step: AnyStep;
  /** The version directory. */
  readonly folder: string;
}

export type Prepare = () => PreparedKernel | Promise<PreparedKernel>;

/** @param prepare the step as it is; may be left uncalled */
export type StepMiddleware = (place: StepPlace, prepare: Prepare) => PreparedKernel | Promise<PreparedKernel>;

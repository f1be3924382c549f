/**
 * A plan after the passes, and their reports.
 */
import type { Plan } from "../../contract/plan.js";
import type { PassNote } from "./pass.js";
import type { PassName } from "./pass-names.js";

/** The report of one pass; without notes it changed nothing. */
export interface PassReport {
  readonly pass: PassName;
  readonly off: boolean;
  readonly notes: readonly PassNote[];
}

export interface Optimised {
  readonly plan: Plan;
  /** In the order of `PASSES`. */
  readonly reports: readonly PassReport[];
}

/**
 * A plan after the passes, and what they did.
 */
import type { Plan } from "../../contract/plan.js";
import type { PassNote } from "./pass.js";
import type { PassName } from "./pass-names.js";

/** What one pass did; without notes it found nothing to do. */
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

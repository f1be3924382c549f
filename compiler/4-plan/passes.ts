/**
 * Runs the passes over a plan and reports what each did.
 */
import type { Plan } from "../../triton-protos/plan.js";
import { forwardMetadata } from "./forward-metadata.js";
import { mergeLookups } from "./merge-lookups.js";
import type { Pass, PassNote } from "./pass.js";
import { PASS_NAMES, type PassName } from "./pass-names.js";
import { pruneColumns } from "./prune-columns.js";
import { shareEqualSteps } from "./share-equal-steps.js";

export const PASSES = { forwardMetadata, shareEqualSteps, pruneColumns, mergeLookups } as const satisfies Record<
  PassName,
  Pass
>;

export type { PassName };

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

/** Runs the passes in their order. @param off passes to leave out */
export function optimise(plan: Plan, off: ReadonlySet<PassName> = new Set()): Optimised {
  let current = plan;
  const reports = PASS_NAMES.map((pass): PassReport => {
    const notes: PassNote[] = [];
    if (!off.has(pass)) current = PASSES[pass](current, note => notes.push(note));
    return { pass, off: off.has(pass), notes };
  });
  return { plan: current, reports };
}

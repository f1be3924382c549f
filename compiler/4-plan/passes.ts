/**
 * Runs the passes over a plan and reports what each did.
 */
import type { Plan } from "../../contract/plan.js";
import { mergeLookups } from "../../operators/query-feast/author-merge.js";
import { optimiseCarried } from "./carried.js";
import { forwardMetadata } from "./forward-metadata.js";
import { fuseElementwise } from "./fuse-elementwise.js";
import type { Optimised, PassReport } from "./optimised.js";
import type { Pass, PassNote } from "./pass.js";
import { PASS_NAMES, type PassName } from "./pass-names.js";
import { pruneColumns } from "./prune-columns.js";
import { shareEqualSteps } from "./share-equal-steps.js";

export const PASSES = {
  forwardMetadata,
  shareEqualSteps,
  pruneColumns,
  mergeLookups,
  fuseElementwise,
} as const satisfies Record<PassName, Pass>;

export type { PassName };

/**
 * The plan of a fitted workflow as it is served. `merlon fit` and `merlon transform` know operators one by one, so a fitted folder has none fused.
 * @returns the same plan where nothing is to be fused
 */
export function servedPlan(
  plan: Plan,
  off: ReadonlySet<PassName> = new Set(),
): { plan: Plan; notes: readonly PassNote[] } {
  const notes: PassNote[] = [];
  if (off.has("fuseElementwise")) return { plan, notes };
  const fused = optimiseCarried(plan, p => ({ plan: fuseElementwise(p, note => notes.push(note)), reports: [] }));
  return { plan: notes.length ? fused.plan : plan, notes };
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

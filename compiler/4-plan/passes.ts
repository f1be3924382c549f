/**
 * The ordered list of passes over a plan. Each is plan → plan and keeps its meaning.
 */
import type { Plan } from "../../triton-protos/plan.js";
import { forwardMetadata } from "./forward-metadata.js";
import { pruneColumns } from "./prune-columns.js";
import { shareEqualSteps } from "./share-equal-steps.js";

export const PASSES = {
  /** First: steps that differ only in what is said about their columns become equal. */
  forwardMetadata,
  /** Before pruning: a twin that is gone reads nothing, so pruning sees fewer readers. */
  shareEqualSteps,
  /** Last: it drops what no remaining step reads. */
  pruneColumns,
} as const satisfies Record<string, (plan: Plan) => Plan>;

export type PassName = keyof typeof PASSES;

/** Runs the passes in their order. @param off passes to leave out */
export const optimise = (plan: Plan, off: ReadonlySet<PassName> = new Set()): Plan =>
  (Object.keys(PASSES) as PassName[])
    .filter(name => !off.has(name))
    .reduce((current, name) => PASSES[name](current), plan);

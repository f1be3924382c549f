/**
 * The contract of a pass: plan → plan of the same meaning; it reports each changed step to `note`.
 */
import type { Plan } from "../../contract/plan.js";

/** The saving per request. */
export interface Saving {
  /** Steps that no longer run. */
  readonly steps?: number;
  /** Columns that are no longer read, computed or copied. */
  readonly columns?: number;
  /** Round trips to a store. */
  readonly lookups?: number;
}

/** One thing a pass did. */
export interface PassNote {
  /** Id of the step, as it was before the pass. */
  readonly step: string;
  /** Continues "`step` …". */
  readonly text: string;
  /** The step that does its work now. */
  readonly into?: string;
  readonly saves: Saving;
}

export type Pass = (plan: Plan, note: (note: PassNote) => void) => Plan;

/** "`a`, `b` and 4 more": names in a note. */
export const noteNames = (names: readonly string[]): string => {
  const shown = names.slice(0, 6).map(name => `\`${name}\``);
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(", ")} and ${rest} more`;
  return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : (shown[0] ?? "");
};

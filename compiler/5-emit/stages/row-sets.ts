/**
 * Which rows of a plan are grouped by which: candidates belong to a user, and what is made of candidates to whom they belong.
 */

import { columnsReadBy } from "../../../contract/any-step.js";
import type { AnyStep, Plan } from "../../../contract/plan.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import { factsOf } from "../../../contract/step-facts.js";
import type { InferredStep } from "../../3-graph/infer.js";
import { columnsOf } from "../ensemble/refs.js";

export interface RowSets {
  /** Rows that `rows` are grouped by; undefined for the request's. */
  parent(rows: string): string | undefined;
  /** `rows` and all they are grouped by, outermost first, without the request's. */
  lineage(rows: string): readonly string[];
  /** Whether the step must know which of its rows belong to which. */
  relates(step: AnyStep): boolean;
}

/**
 * @param inferred the program's steps, which determine whether new rows are grouped by the rows that a step reads or independent of them
 */
export function rowSets(plan: Plan, inferred: readonly InferredStep[]): RowSets {
  const columns = columnsOf(plan);
  const parents = new Map<string, string>();
  const beside = new Set<string>();
  const steps = new Map(inferred.map(step => [step.id, step]));
  for (const step of plan.steps) {
    if (!step.outputs.some(c => c.rows === step.id)) continue;
    const [first] = step.inputs.input;
    const read = first ? columns(first).rows : REQUEST_ROWS;
    // The passes may have moved the rows; how the new ones lie to them stays.
    const { inputs, madeRows } = steps.get(step.id)!;
    const under = madeRows?.parent === inputs.input?.[0]?.column.rows;
    if (!under) beside.add(step.id);
    parents.set(step.id, under ? read : (parents.get(read) ?? REQUEST_ROWS));
  }
  const parent: RowSets["parent"] = rows => parents.get(rows);
  const lineage = (rows: string): readonly string[] => {
    const above = parent(rows);
    return above === undefined ? [] : [...lineage(above), rows];
  };
  return {
    parent,
    lineage,
    relates: step => {
      const read = new Set(columnsReadBy(step).map(ref => columns(ref).rows));
      return beside.has(step.id) || read.size > 1 || factsOf(step.op).perUser;
    },
  };
}

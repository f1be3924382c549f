/**
 * The result of a run of a plan, and a plan that can be run.
 */
import type { AnyStep, Plan } from "../../../contract/plan.js";
import type { Column } from "../../base/columns/table.js";
import type { FilteredSearch, RunContext } from "./kernel.js";
import type { StageCounters } from "./stage-counters.js";

export interface PlanResult {
  /** Answer columns by the name they have on the wire. */
  readonly columns: Map<string, Column>;
  /** Microseconds per step id, waiting included; of a step that lost its place to a fallback until then. */
  readonly timings: ReadonlyMap<string, number>;
  /** The same for the parts of fused steps, if the request has `timings`. */
  readonly parts: ReadonlyMap<string, number>;
  /** Filtered searches by step id, if the request has `explain`. */
  readonly searches: ReadonlyMap<string, readonly FilteredSearch[]>;
  /** Why a fallback was taken, by step id. */
  readonly fallbacks: ReadonlyMap<string, string>;
  /** Why sources of a merge were left out, by step id and port. */
  readonly leftOut: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** The number of the branch that each row of a choice by a column took (see `sidesOf`), by step id. */
  readonly sides: ReadonlyMap<string, ArrayLike<number>>;
  /** Stages that ran, in the order of the plan; those that a side lost with made no rows. */
  readonly runs: readonly StageRun[];
  /** The runs of its rows, if they ran one by one. */
  readonly each?: readonly PlanResult[];
  /** Any column of the run, for reports. */
  columnOf(step: string, column: string): Column | undefined;
}

/** One stage of one run; times on the clock of `performance.now()`, rows of its first input and its first output. */
export interface StageRun {
  readonly step: AnyStep;
  readonly began: number;
  readonly ended: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
}

export interface ExecutablePlan {
  readonly plan: Plan;
  /** The work of each stage since the plan was loaded. */
  readonly counters: readonly StageCounters[];
  /** True if a row's result does not depend on other rows. */
  readonly rowsAreIndependent: boolean;
  /**
   * @param inputs every request column of the plan, all on the same rows
   * @returns at once where no stage has to wait @throws RuntimeFault naming step, column and row
   */
  run(inputs: ReadonlyMap<string, Column>, context: RunContext): PlanResult | Promise<PlanResult>;
  /**
   * The same for columns only: those of the request in the order of the plan's inputs → the response's in the order of its outputs.
   * @returns at once where no stage has to wait @throws RuntimeFault
   */
  transform(inputs: readonly (Column | undefined)[], context: RunContext): Column[] | Promise<Column[]>;
  close(): Promise<void>;
}

/**
 * A stage of a plan that can be run: a step, its kernel, and their position among the others.
 */
import type { AnyStep } from "../../../contract/plan.js";
import type { Guard } from "./branches.js";
import type { PreparedKernel } from "./kernel.js";
import type { StageCounters } from "./stage-counters.js";

/** A step with its kernel, and with its columns' places in the run's slots. */
export interface Stage {
  readonly step: AnyStep;
  readonly kernel: PreparedKernel;
  readonly counters: StageCounters;
  readonly ports: readonly (readonly [port: string, slots: readonly number[]])[];
  readonly firstOutput: number;
  /** Whether it is a `fallback`, a `choose`, or a merge that leaves sources out. */
  readonly chooses: boolean;
  /** Stages that read this one. */
  readonly readers: readonly number[];
  /** Stages it reads. */
  readonly reads: readonly number[];
  /** The side of a choice that alone needs it. */
  readonly guard?: Guard | undefined;
  /** Choices by condition that say whether it runs at all. */
  readonly waitsFor: readonly number[];
}

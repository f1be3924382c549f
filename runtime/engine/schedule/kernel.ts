/**
 * The contract of a kernel: `prepare` once at load, `run` once per request.
 */

import type { OpKind } from "../../../contract/op-params.js";
import type { PortColumnsInRun } from "../../../contract/op-state.js";
import type { ColumnRef, Fitted, FittedStep } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import type { WireType } from "../../../triton-protos/datatype.js";
import type { Cancellation } from "../../base/cancellation.js";
import type { Clock } from "../../base/clock.js";
import type { Column } from "../../base/columns/table.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { Parameter, Tensor, TypedTensor } from "../../base/tensor.js";
import type { SnapshotFiles } from "../../stores/feast/snapshot-store.js";
import type { Lease, ModelRef } from "./lease.js";
import type { ShareArm } from "./shared-arms.js";

/** One tensor of a model as its metadata has it: full shape, -1 for a dimension that varies. */
export interface TensorDescription {
  readonly name: string;
  readonly datatype: WireType;
  readonly shape: readonly number[];
}

export interface ModelDescription {
  readonly inputs: readonly TensorDescription[];
  readonly outputs: readonly TensorDescription[];
}

/** Calls another model of the same server in process; the call is counted in that model's statistics. */
export interface RunModels {
  /** The loaded version that answers: another object after a reload. @throws RuntimeFault when none is ready */
  loaded?(model: string): object;
  /**
   * `infer`, synchronous and on values, for models that are known to be quick.
   * @param outputs names, at least one
   * @returns tensors in the order of `outputs`; undefined if no synchronous result is available: then `infer` answers @throws RuntimeFault
   */
  inferSync?(
    model: string,
    inputs: readonly TypedTensor[],
    outputs: readonly string[],
  ): readonly TypedTensor[] | undefined;
  /** @throws RuntimeFault at once or later */
  infer(
    model: string,
    inputs: readonly Tensor[],
    outputs: readonly string[],
    signal?: Cancellation,
  ): readonly Tensor[] | Promise<readonly Tensor[]>;
}

/** The models that are there now. */
export interface ModelCaller extends RunModels {
  /** Inputs and outputs of a loaded model, as its metadata has them. Called once, while a plan is prepared. */
  describe(model: string): Promise<ModelDescription>;
  /**
   * For one run of a plan: these models in the versions that are there now, kept until `end`.
   * @param outer of the request that the run is made for: then that one's versions
   */
  lease?(models: readonly ModelRef[], outer?: Lease): LeasedModels;
}

export interface LeasedModels extends RunModels {
  end(): void;
}

/** The context in which a kernel is prepared. */
export interface PrepareContext {
  /** Folder that the step's artefact paths are relative to. */
  readonly folder: string;
  readonly models: ModelCaller;
  /** The action if a workflow's golden rows differ; default: refuse to load. */
  readonly onGoldenDifference?: "refuse" | "skip" | ((message: string) => void) | undefined;
  /** The schema of a column that a step of the plan reads. */
  readonly schemaOf?: (ref: ColumnRef) => ColumnSchema | undefined;
  /** The clock of feature ages; the machine's if left out. */
  readonly clock?: Clock | undefined;
  /** Whether a file is as `merlon build` wrote it: native code opens others in another process first. Default: all are. */
  readonly isTrusted?: ((file: string) => boolean) | undefined;
  /** The server's memory, which what is kept between requests is charged to. */
  readonly memory?: MemoryBudget | undefined;
  /** Called with a sentence that an operator of the server should read. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Shares the outcomes of arms with other processes and instances that serve the plan. */
  readonly shareArm?: ShareArm | undefined;
  /** SQLite stores that steps of the plan share. */
  readonly storeFiles?: SnapshotFiles | undefined;
}

/** Makes a step ready to run, whatever its operator. */
export type PrepareStep = (step: FittedStep, context: PrepareContext) => PreparedKernel | Promise<PreparedKernel>;

/** The context in which an operator's kernel is prepared. */
export interface KernelContext extends PrepareContext {
  /** For the steps of a plan inside the plan. */
  readonly prepareStep: PrepareStep;
}

/** The context in which a plan is prepared. */
export interface PreparePlanContext extends PrepareContext {
  /** Wraps each step of the plan, but not those of workflows inside it. */
  readonly middleware?: (
    step: FittedStep,
    prepare: () => PreparedKernel | Promise<PreparedKernel>,
  ) => PreparedKernel | Promise<PreparedKernel>;
}

/** The context in which a kernel runs. */
export interface RunContext {
  /** Seed of the request; the `seed` parameter, else drawn by the server (see `--seed`). */
  readonly seed: bigint;
  /** By request row, where rows of several requests run together: the seed of each one's request. */
  readonly seeds?: readonly bigint[];
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** The models of this run; where they are left out, those that the plan was prepared with. */
  readonly models?: RunModels;
  readonly signal?: Cancellation;
  /** Whether the event loop turns between stages: of a run of many rows. */
  readonly yields?: boolean;
  /** Whether the outcomes of arms do not count: of a part of a request, of a shadow, and of a warm-up. */
  readonly uncounted?: boolean;
  /** Whether no client sent the request: no shadow runs for it. */
  readonly isWarmUp?: boolean;
  /** Called with the duration of each part of a fused step; present if timings are requested. */
  readonly onPart?: (step: string, microseconds: number) => void;
  /** Called with each filtered search of a step; present if an explanation is requested. */
  readonly onSearch?: (step: string, search: FilteredSearch) => void;
  /** Called after the run with each comparison of a shadow. @param step id of the shadow */
  readonly onShadow?: (step: string, comparison: ShadowComparison) => void;
  /** The states of stores that the run has read; present if several steps read one store. */
  readonly seen?: Map<object, unknown>;
}

/** A search for rows that share a condition's set of items. */
export interface FilteredSearch {
  /** Rows of the step's input. */
  readonly rows: readonly number[];
  /** Items that fulfill the condition, and all of the index. */
  readonly items: number;
  readonly of: number;
  readonly way: "exact" | "lists" | "graph";
}

/** Columns by port, each in the order of the step's refs. */
export type Inputs = Readonly<Record<string, readonly Column[]>>;

/** The same for one operator; `row` where its kernel sees only some of the rows (see `ROW_PORT`). */
export type InputsOf<K extends OpKind> = PortColumnsInRun<Column>[K] & { readonly row?: readonly [Column] };

/** The work of one source of a step that gathers candidates, since the plan was loaded. */
export interface PartCounters {
  readonly port: string;
  readonly name: string;
  /** Candidates that it found, each once for a user. */
  found: number;
  /** Those of them that the step kept. */
  kept: number;
  /** Those without a finite score. */
  unscored: number;
}

/** The rows that a join has looked up since the plan was loaded. */
export interface JoinCounters {
  /** The step of the join, with the view or the keys if it has several. */
  readonly name: string;
  rows: number;
  matched: number;
}

/** The work of one arm of a split, since the plan was loaded. */
export interface ArmCounters {
  readonly name: string;
  /** Rows that it answered. */
  rows: number;
  /** Faults of stages that it alone needs. */
  failures: number;
  /** Whether its guardrail stopped it. */
  isStopped: boolean;
}

/** The outcome of one arm in one run. */
export interface ArmOutcome {
  /** A stage that it alone needs failed, for a reason that is not the client's. */
  readonly failed: boolean;
  /** False if the run ended before the arm did. */
  readonly done: boolean;
  /** From the choice of the arms to its end, or to that of the run. */
  readonly milliseconds: number;
}

/** The work of a shadow since the plan was loaded. */
export interface ShadowCounters {
  /** Requests by result. */
  readonly runs: Record<ShadowOutcome, number>;
  /** Compared lists. */
  readonly lists: { equal: number; different: number };
  /** Sum over these of the share of items that both lists have. */
  overlap: number;
  /** Items of both lists with a score in each, and the sum of the absolute differences. */
  scores: number;
  scoreDifference: number;
}

export type ShadowOutcome =
  | "compared"
  | "failed"
  | "late"
  | "skipped_in_flight"
  | "skipped_busy"
  | "skipped_memory"
  | "skipped_batch";

/** The columns of one branch that are compared: one of them at least. */
export interface Compared {
  readonly item?: Column | undefined;
  readonly score?: Column | undefined;
}

/** A list that differs: the first row and the number of rows that were compared in both branches. */
export interface ListDifference {
  readonly list: number;
  readonly main: readonly [from: number, length: number];
  readonly other: readonly [from: number, length: number];
}

export interface ShadowComparison {
  readonly main: Compared;
  readonly other: Compared;
  readonly differences: readonly ListDifference[];
}

/** A branch that runs beside responses. */
export interface ShadowKernel {
  /** Share of the requests. */
  readonly rate: number;
  /** Most runs at the same time. */
  readonly inFlight: number;
  /** Milliseconds of one run. */
  readonly within: number;
  readonly counters: ShadowCounters;
  /** Compares the columns of the response's branch with those of the other one, and counts. */
  compare(main: readonly Column[], other: readonly Column[]): ShadowComparison;
}

/** @typeParam I its ports. Code that runs steps of any operator types them as `Inputs`: the plan was checked when it was parsed. */
export interface PreparedKernel<I = Inputs> {
  /** Makes the step's output columns, in the order of `step.outputs`. Synchronous where nothing has to be waited for. */
  run(inputs: I, context: RunContext): readonly Column[] | Promise<readonly Column[]>;
  /**
   * For a step that chooses by a column: the column at the port `input` → the number of each row's branch (see `sidesOf`). Without it every
   * branch is run.
   */
  sides?(condition: Column, context: RunContext): ArrayLike<number>;
  /** True if rows depend on each other, so that requests cannot be batched. */
  readonly mixesRows?: boolean;
  /** Counters of its sources, in the order of their ports. */
  readonly parts?: readonly PartCounters[];
  /** The joins of a step, with those of the steps inside it. */
  readonly joins?: readonly JoinCounters[];
  /** Counters of its arms, in the order of their ports. */
  readonly arms?: readonly ArmCounters[];
  /** Called with the outcome of each arm of a run, unless `uncounted`. @param arm its number @param keys the column at the port `input` */
  observe?(keys: Column, arm: number, outcome: ArmOutcome): void;
  /** For a step whose other branch runs beside responses. */
  readonly shadow?: ShadowKernel;
  close?(): void | Promise<void>;
}

export interface Kernel<K extends OpKind> {
  /** @throws RuntimeFault naming step, artefact and reason; the model then fails to load and nothing else does */
  prepare(step: Fitted<K>, context: KernelContext): PreparedKernel<InputsOf<K>> | Promise<PreparedKernel<InputsOf<K>>>;
}

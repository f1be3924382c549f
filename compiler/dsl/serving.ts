/**
 * How an ensemble is served, as its author writes it: what of Triton's model configuration is set from the program.
 */
import type { NameOf } from "./column.js";
import type { AnyNode, Node } from "./node.js";

/** One value of the request's for a sample: a number, a text, or a list of them for a list column. */
export type SampleValue = number | bigint | string | boolean | readonly (number | bigint | string | boolean)[];

/** Requests that wait are run together: one search and one call of each model for all their users. Each gets what it would get alone. */
export interface DynamicBatching {
  /** Batch sizes to wait for; none above `maxBatchSize`. */
  readonly preferredBatchSize?: readonly number[];
  /** Microseconds a request may wait for others. @default 0 */
  readonly maxQueueDelayMicroseconds?: number;
  /** Responses are sent in the order of their requests. */
  readonly preserveOrdering?: boolean;
  /** Priorities from 1, the highest, to this. */
  readonly priorityLevels?: number;
  readonly defaultPriorityLevel?: number;
  readonly queuePolicy?: {
    /** Microseconds a request may wait in the queue; 0 = for ever. */
    readonly timeoutMicroseconds?: number;
    /** The action for a request that waited longer. @default "reject" */
    readonly timeoutAction?: "reject" | "delay";
    /** A request may set a shorter one with its own `timeout`. */
    readonly allowTimeoutOverride?: boolean;
    /** Requests beyond this are refused; 0 = none are. */
    readonly maxQueueSize?: number;
  };
}

/** Copies of a model that run side by side. */
export interface InstanceGroup {
  /** @default 1 */
  readonly count?: number;
  /** @default "auto" */
  readonly kind?: "auto" | "cpu" | "gpu";
  /** Numbers of the GPUs, for `kind: "gpu"`. */
  readonly gpus?: readonly number[];
}

/** A request that the server runs while it loads the model. */
export interface WarmUp {
  /** @default "sample 1", … */
  readonly name?: string;
  /** Times the row is repeated within the batch. @default 1 */
  readonly batchSize?: number;
  /** Number of runs. @default 1 */
  readonly count?: number;
  /** One row of the request, by column; columns that are left out are 0, `""`, or an empty list. */
  readonly inputs: Readonly<Record<string, SampleValue>>;
}

/** The columns of a union of nodes, by name. */
type NamesOfNodes<N extends AnyNode> = N extends Node<infer C> ? NameOf<C> : never;

/** The exposure log that `merlon serve --exposures` writes: one row per shown item. */
export interface ExposureOptions<N extends AnyNode = AnyNode> {
  /** Nodes whose columns are kept beside the fixed ones: of the request, of candidates, or of the ordering. @default [] */
  readonly columns?: readonly N[];
  /**
   * The logged candidates: those that were shown, or also each of the others that were ordered, with this probability from above 0 to 1.
   * @default "shown"
   */
  readonly candidates?: "shown" | { readonly all: number };
  /** Kept columns that identify a person: written as a keyed hash, or not written. */
  readonly personal?: { readonly [K in NamesOfNodes<N>]?: "hash" | "drop" };
  /** Days after which the server removes a file of the log. @default never */
  readonly retentionDays?: number;
}

/** How an ensemble is served. */
export interface EnsembleOptions<N extends AnyNode = AnyNode> {
  /** Most users per request; 0 serves without a batch dimension. @default 128 */
  readonly maxBatchSize?: number;
  /** Source columns that serving does not have, such as labels: they go, and with them every column made from one. */
  readonly removeInputs?: readonly string[];
  /** Version of every model of the build: its folder, and `model_version` of its answers. @default 1 */
  readonly version?: number;
  /** `"merlin"`: the entry is `executor_model` and its tensors are those of Merlin's executor, for clients written for it. @default "merlon" */
  readonly names?: "merlon" | "merlin";
  readonly dynamicBatching?: DynamicBatching;
  /** Those of the entry; with `--layout ensemble` of each stage. */
  readonly instanceGroups?: readonly InstanceGroup[];
  /** Those of the ONNX models. */
  readonly onnxInstanceGroups?: readonly InstanceGroup[];
  /** Threads that each instance of an ONNX model computes in. @default 1 for a model up to 16 MB, else all cores */
  readonly onnxThreads?: number;
  readonly warmup?: readonly WarmUp[];
  /** Responses of equal requests are read from the server's cache, if it has one (`--cache-config`). @default false */
  readonly responseCache?: boolean;
  /** Columns of the exposure log; without it `merlon serve --exposures` writes nothing of this ensemble. */
  readonly log?: ExposureOptions<N>;
}

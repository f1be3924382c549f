/**
 * The server's contract: requests and responses of transports and the data plane, then those of schedulers and backends. It also has loaded
 * models, and the calls from one model to another. Tensors are raw bytes, and no protocol shows. Leases, which plans need too, are in
 * `engine/schedule/lease.ts`.
 */
import type { ModelConfig } from "../../triton-protos/model-config.js";
import type { Cancellation } from "../base/cancellation.js";
import type { RuntimeFault } from "../base/errors.js";
import type { RequestMemory } from "../base/memory/request-memory.js";
import type { ModelVersion } from "../base/model-version.js";
import type { Parameter, Tensor, TypedTensor } from "../base/tensor.js";
import type { Lease, ModelRef } from "../engine/schedule/lease.js";
import type { StageCounters } from "../engine/schedule/stage-counters.js";
import type { StateLines } from "./observe/request-states.js";
import type { TraceNotes } from "./observe/tracing/trace.js";
import type { Controls } from "./requests/controls.js";
import type { RegionPart } from "./requests/shared-memory.js";
import type { ExecutionClock } from "./scheduling/execution-clock.js";

/** A tensor as a client sent it: the datatype is unchecked text. */
export interface RequestTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** HTTP headers or gRPC metadata, in lower case. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface InferRequest {
  /** Empty when the client sent none. */
  readonly id: string;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly inputs: readonly RequestTensor[];
  /** Names of the requested outputs; empty for all. */
  readonly outputs: readonly string[];
  /** Outputs to classify, or to write to shared memory. */
  readonly wishes?: ReadonlyMap<string, OutputWish>;
  readonly signal?: Cancellation;
  /** The lease of the request that this one is made for: calls to other models use the versions that the lease holds. A client's has none. */
  readonly lease?: Lease;
  /** Takes notes, when the request is traced. */
  readonly trace?: TraceNotes;
  /** Large memory that the request borrows, in which inputs lie; the model may move it, and answers may bring more. */
  readonly memory?: RequestMemory;
  /** The client's headers, if the server keeps them (`keepHeaders`). A member of an ensemble has the ensemble's. */
  readonly headers?: RequestHeaders;
  /** Another worker of this server forwarded it: it runs here. */
  readonly isForwarded?: true;
}

export interface InferResponse {
  readonly model: string;
  readonly version: ModelVersion;
  readonly id: string;
  /** A name may repeat, as an ensemble's do. */
  readonly parameters: Iterable<readonly [string, Parameter]>;
  readonly outputs: readonly Tensor[];
  /** Injected faults: only this part of the response's bytes is sent before the connection is cut. */
  readonly cut?: number;
  /** A decoupled model's answer that is its last one; left out where the end is known only afterwards. */
  readonly final?: true;
}

/** How one output is to be returned. */
export type OutputWish = { readonly classes: number } | { readonly region: RegionPart };

/** One request as the scheduler hands it over: validated against the model's configuration. Its parameters are those for the model. */
export interface BackendRequest
  extends Pick<InferRequest, "id" | "parameters" | "signal" | "lease" | "trace" | "memory" | "headers"> {
  /** Parameters that steer the server. */
  readonly controls: Controls;
  /** Rows of the request; 1 for a model without batching. */
  readonly batch: number;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Names of the requested outputs, sorted; every output of the model if the client named none. */
  readonly requestedOutputs: ReadonlySet<string>;
  /** Lines of a verbose log. */
  readonly states?: StateLines;
  /** No client sent it: the server runs it while it loads the model. */
  readonly isWarmUp?: true;
}

export interface BackendResponse {
  readonly outputs: readonly Tensor[];
  /** A name may repeat: ensembles do that on the wire. */
  readonly parameters?: Iterable<readonly [string, Parameter]>;
  /** The model's own refusal: the client gets the fault, the statistics count a request that was served. */
  readonly error?: RuntimeFault;
  /** Iterative sequences: this is no answer for the client; the request runs once more, with the state among the outputs. */
  readonly again?: boolean;
  /** Injected faults: only this part of the response's bytes is sent before the connection is cut. */
  readonly cut?: number;
  /** A decoupled model's answer that is known to be its last; `undefined` follows it all the same. */
  readonly final?: true;
}

/** The result of one request of an execution: a response, a fault, or `undefined` for "no more responses". */
export type Send = (request: number, answer: BackendResponse | RuntimeFault | undefined) => void;

/** The other models of the same server, called as a client calls them: validated, scheduled, counted. */
export interface ServerModels {
  /**
   * For one request: these models in the versions that are ready now, kept until its end.
   * @param outer of the request that this one is made for: then that one's versions
   */
  lease(asked: readonly ModelRef[], outer?: Lease): Lease;
  /**
   * The configuration that is served; -1 for the latest version.
   * @param near the repository, if several have a model of that name
   * @throws RuntimeFault
   */
  config(model: string, version: ModelVersion, near?: string, lease?: Lease): ModelConfig;
  /** The configurations of all models that are ready. */
  configs(): readonly ModelConfig[];
  /**
   * Answers arrive through `answer`, the last one with `final`; a decoupled model's last answer may be `undefined`.
   * Never rejects: faults are answers.
   * @param request its lease determines the version; without one it is the version that is ready now
   */
  infer(
    model: string,
    version: ModelVersion,
    request: InferRequest,
    answer: (answer: InferResponse | RuntimeFault | undefined, final: boolean) => void,
    near?: string,
  ): Promise<void>;
}

/** The rejection of `execute` if the execution was cancelled before it began. */
export const NOT_BEGUN = Symbol("not begun");

/** Results of the requests of one execution, in their order. */
export type Executions = readonly (BackendResponse | RuntimeFault)[];

export interface LoadedModel {
  /** The configuration as loading completed it, where that differs from the one in the context. */
  readonly config?: ModelConfig;
  /** The other models that it calls, as far as that is known before it runs. */
  readonly dependencies?: readonly ModelRef[];
  /** The counters of a plan's stages; they change while it runs. */
  readonly stages?: readonly StageCounters[];
  /** The inputs of requests that a server may warm up by, before a client sends any. */
  warmUps?(): readonly (readonly Tensor[])[];
  /**
   * Answers each request in its place, at once where nothing has to be waited for; a fault fails that request alone.
   * @param instance which of the model's instances runs, from 0
   * @param clock measures the parts of the execution, for the statistics
   */
  execute(
    requests: readonly BackendRequest[],
    instance: number,
    clock?: ExecutionClock,
  ): Executions | Promise<Executions>;
  /** When a request has been answered, nothing of it or of its answer is kept: their memory may be used again. */
  readonly keepsNothing?: boolean;
  /**
   * It computes in this thread, for several requests in little more time than for one: those of one turn of the event loop run together.
   */
  readonly sharesTurn?: boolean;
  /**
   * Executes one request synchronously, for callers in this process: a turn of the event loop can take longer than a small model.
   * @param inputs fit the configuration
   * @returns tensors in the order of `wanted`; undefined if no synchronous result is available: then `execute` answers @throws RuntimeFault
   */
  computeSync?(
    inputs: readonly TypedTensor[],
    wanted: readonly string[],
    clock: ExecutionClock,
  ): readonly TypedTensor[] | undefined;
  /**
   * The form of a decoupled model: any number of answers for each request, then `undefined`. The instance is free again when the promise
   * resolves; responses may still follow.
   */
  stream?(requests: readonly BackendRequest[], send: Send, instance: number): Promise<void>;
  /**
   * How many executions this instance takes at once, where handing the next one over costs more than a short execution. It runs them one after the
   * other, calls `clock.begun`, and sets `clock.execution`.
   */
  ahead?(instance: number): number;
  close?(): void | Promise<void>;
}

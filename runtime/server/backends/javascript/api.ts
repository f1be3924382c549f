/**
 * The API of a JavaScript model: the contract of `1/model.mjs`. A module exports `execute`, and may export `initialize` and `finalize`.
 *
 * @example
 * export function execute(requests) {
 *   return requests.map(({ inputs }) => ({ outputs: [{ ...inputs.INPUT0, name: "OUTPUT0" }] }));
 * }
 */

import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import type { StatusCode } from "../../../base/errors.js";
import type { ModelVersion } from "../../../base/model-version.js";
import type { ModelTensor } from "./tensors.js";

export type ModelParameter = boolean | number | bigint | string;

export interface ModelResponse {
  readonly outputs?: readonly ModelTensor[];
  readonly parameters?: Readonly<Record<string, ModelParameter>>;
  /** Refuses the request: this text, with the class `code` (INTERNAL when left out). */
  readonly error?: string;
  readonly code?: StatusCode;
}

export interface ModelRequest {
  readonly id: string;
  /** Integers are numbers where they are safe. */
  readonly parameters: Readonly<Record<string, ModelParameter>>;
  /**
   * The model may read and write them until the request is answered. Then the memory of large ones (16 KB and more) is returned to the
   * server, and their arrays are empty. Copy data to keep it: `inputs.X.data.slice()`.
   */
  readonly inputs: Readonly<Record<string, ModelTensor | undefined>>;
  readonly requestedOutputs: readonly string[];
  readonly correlationId: bigint | string;
  readonly start: boolean;
  readonly end: boolean;
  /** Microseconds; 0 for none. */
  readonly timeout: number;
  readonly priority: number;
  /** W3C header for the model's own calls for this request, if it is traced with OpenTelemetry. */
  readonly traceparent: string | undefined;
  /** Whether the client has disconnected. */
  isCancelled(): boolean;
  /** Decoupled models: sends one answer, now. */
  send(response: ModelResponse): void;
  /** Decoupled models: no more answers. Called for you for every request when `execute` ends, unless `hold` was called. */
  close(): void;
  /** Decoupled models: the answers go on after `execute`, until `close`. */
  hold(): void;
  /** Iterative sequences: the request runs once more after this execution, with `start` off; what is returned for it is only its state. */
  reschedule(): void;
}

export interface ModelCallRequest {
  /** The request that the call is made for: its trace includes the call's. An execution of one request needs none. */
  readonly request?: ModelRequest;
  readonly model: string;
  readonly version?: number;
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, ModelParameter>>;
  readonly inputs: readonly ModelTensor[];
  readonly outputs?: readonly string[];
}

export interface ModelAnswer {
  readonly outputs: Readonly<Record<string, ModelTensor | undefined>>;
  readonly parameters: Readonly<Record<string, ModelParameter>>;
}

export interface ModelContext {
  readonly name: string;
  readonly version: ModelVersion;
  readonly instance: string;
  /** The version directory. */
  readonly folder: string;
  readonly config: ModelConfig;
  /** Calls another model of the server. @throws Error with `code` when that model refuses */
  infer(request: ModelCallRequest): Promise<ModelAnswer>;
  /** Calls a decoupled model. */
  stream(request: ModelCallRequest): AsyncIterable<ModelAnswer>;
}

/** The declarations of a model; they must agree with the configuration. The counterpart of Python's `auto_complete_config`. */
export interface ConfigBuilder {
  /** The configuration as written. */
  readonly config: ModelConfig;
  addInput(tensor: ModelTensorSpec): void;
  addOutput(tensor: ModelTensorSpec): void;
  setMaxBatchSize(size: number): void;
  /** Batches requests, unless the configuration has a scheduler. */
  setDynamicBatching(): void;
  setDecoupled(decoupled: boolean): void;
}

export interface ModelTensorSpec {
  readonly name: string;
  readonly data_type: ModelConfig["input"][number]["data_type"];
  readonly dims: readonly number[];
  readonly optional?: boolean;
}

export interface JavaScriptModel {
  /** Completes the configuration. Runs before `initialize`, in a thread of its own. */
  autoCompleteConfig?(builder: ConfigBuilder): void | Promise<void>;
  initialize?(context: ModelContext): void | Promise<void>;
  /** One response per request, in order; nothing for a decoupled model. A thrown error fails all requests of the batch. */
  execute(
    requests: readonly ModelRequest[],
    context: ModelContext,
  ): readonly ModelResponse[] | undefined | Promise<readonly ModelResponse[] | undefined>;
  finalize?(): void | Promise<void>;
}

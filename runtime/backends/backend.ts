/**
 * The contract of a backend: load a model version once, then execute batches of requests. Backends know tensors, not protocols.
 */
import type { ModelConfig } from "../../triton-protos/model-config.js";
import type { RuntimeFault } from "../errors.js";
import type { ModelCaller } from "../plan/kernel.js";
import type { Parameter, Tensor } from "../tensor.js";

/** One request as the scheduler hands it over: validated against the model's configuration. */
export interface BackendRequest {
  readonly id: string;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Names of the outputs the client wants; every output of the model when it named none. */
  readonly requestedOutputs: ReadonlySet<string>;
  readonly signal?: AbortSignal;
}

export interface BackendResponse {
  readonly outputs: readonly Tensor[];
  readonly parameters?: ReadonlyMap<string, Parameter>;
}

export interface LoadContext {
  readonly name: string;
  readonly version: number;
  readonly config: ModelConfig;
  /** The version directory: `model-repo/recommend/1`. */
  readonly folder: string;
  readonly models: ModelCaller;
  /** Draws the seed of a request that names none (`--seed` makes the sequence repeatable). */
  drawSeed(): bigint;
}

export interface LoadedModel {
  /** Answers each request in its place; a fault fails that request alone. */
  execute(requests: readonly BackendRequest[]): Promise<readonly (BackendResponse | RuntimeFault)[]>;
  close?(): void | Promise<void>;
}

export interface Backend {
  /** Models of the same repository that must be ready before this one loads (a plan's ONNX models). */
  dependencies?(folder: string): Promise<readonly string[]>;
  /** Fills in what the configuration leaves out and the model file knows (`max_batch_size`, inputs, outputs). */
  autoComplete?(config: ModelConfig, folder: string): Promise<ModelConfig>;
  /** @throws RuntimeFault: the reason in the repository index */
  load(context: LoadContext): Promise<LoadedModel>;
}

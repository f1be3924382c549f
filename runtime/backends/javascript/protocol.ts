/**
 * Messages between the server and the worker thread of a JavaScript model.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { StatusCode } from "../../errors.js";
import type { Parameter, Tensor } from "../../tensor.js";

/** What the worker is started with. */
export interface WorkerStart {
  readonly config: ModelConfig;
  readonly version: number;
  readonly folder: string;
  readonly file: string;
  /** Name of the instance, as Triton builds it: group and number. */
  readonly instance: string;
}

export interface WireModelRequest {
  readonly id: string;
  readonly correlationId: bigint | string;
  readonly start: boolean;
  readonly end: boolean;
  readonly timeout: bigint;
  readonly priority: bigint;
  readonly parameters: readonly (readonly [string, Parameter])[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
}

export interface WireFault {
  readonly code: StatusCode;
  readonly message: string;
}

export interface WireAnswer {
  readonly outputs: readonly Tensor[];
  readonly parameters: readonly (readonly [string, Parameter])[];
  readonly error?: WireFault;
  /** The request is to run once more. */
  readonly again?: boolean;
}

/** A call of another model of the same server. */
export interface WireCall {
  readonly model: string;
  readonly version: number;
  readonly id: string;
  readonly parameters: readonly (readonly [string, Parameter])[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
}

export type ToWorker =
  | { readonly kind: "execute"; readonly execution: number; readonly requests: readonly WireModelRequest[] }
  | { readonly kind: "cancel"; readonly execution: number; readonly request: number }
  | {
      readonly kind: "answer";
      readonly call: number;
      readonly answer?: WireAnswer | WireFault;
      readonly final: boolean;
    }
  | { readonly kind: "finalize" };

export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "send"; readonly execution: number; readonly request: number; readonly answer?: WireAnswer }
  /** `answers`: of a model that is not decoupled, one for each request. */
  | { readonly kind: "done"; readonly execution: number; readonly answers?: readonly WireAnswer[] }
  | { readonly kind: "raised"; readonly execution: number; readonly message: string }
  | { readonly kind: "call"; readonly call: number; readonly request: WireCall }
  | { readonly kind: "finalized" };

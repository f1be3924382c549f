/**
 * Messages between the server and the worker thread of a JavaScript model. The frequent parts of requests use the rings in shared memory
 * (`RingMessage`); the rest is cloned.
 */

import type { MessagePort } from "node:worker_threads";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import type { StatusCode } from "../../../base/errors.js";
import type { ModelVersion } from "../../../base/model-version.js";
import type { Parameter, Tensor } from "../../../base/tensor.js";
import type { Controls } from "../../requests/controls.js";

/** The start data of the worker. */
export interface WorkerStart {
  readonly config: ModelConfig;
  readonly version: ModelVersion;
  readonly folder: string;
  readonly file: string;
  /** Name of the instance, as Triton builds it: group and number. */
  readonly instance: string;
}

export interface SharedParts {
  readonly toWorker: SharedArrayBuffer;
  readonly fromWorker: SharedArrayBuffer;
  /** One word for each execution that is under way: one of `EXECUTION`. */
  readonly states: SharedArrayBuffer;
  /** One byte for each open request: 1 if its client has disconnected. */
  readonly cells: SharedArrayBuffer;
  /** The port of messages that are too large for a ring, or too rare. */
  readonly bulk: MessagePort;
  /** Returns the buffers of responses to the worker for reuse. */
  readonly spares: MessagePort;
}

/** An execution is begun by the worker or taken back by the server, whichever is first. */
export const EXECUTION = { WAITS: 0, BEGUN: 1, TAKEN_BACK: 2 } as const;
/** How many executions a thread may have been handed. */
export const SLOTS = 64;
/** How many requests may be open in a thread. */
export const CELLS = 2 ** 16;

type Entries = readonly (readonly [string, Parameter])[];

/** The parts of a request besides its inputs; a request without parameters and controls has only the defaults. */
export interface RequestRest extends Omit<Controls, "emptyFinal"> {
  readonly parameters: Entries;
  readonly outputs?: readonly string[];
  readonly traceparent?: string;
}

export interface AnswerRest {
  readonly parameters?: Entries;
  readonly error?: WireFault;
  /** The request is to run once more. */
  readonly again?: true;
}

/** A request, or an answer to one. */
export interface WireRecord {
  /** A request's cell; of an answer, which request of the execution it belongs to. */
  readonly number: number;
  /** A request's id. */
  readonly id: string;
  readonly tensors: readonly Tensor[];
  /** `RequestRest` or `AnswerRest`, serialized; absent if empty. */
  readonly rest?: Uint8Array;
  /** Large tensors lie in these, which are moved, not copied. Those of a request are lent, and returned with its response. */
  readonly buffers?: readonly ArrayBuffer[];
}

/** The loan of a request, in the same order. */
export interface Returned {
  readonly request: number;
  readonly buffers: readonly ArrayBuffer[];
}

/**
 * - `execute`: requests for the model.
 * - `answers`: one for each request of an ended execution.
 * - `send`: one response of a decoupled model.
 * - `close`: no more responses to the request `slot`.
 * - `done`: `execute` of a decoupled model has ended.
 * - `dropped`: the execution was cancelled.
 */
export const RING_KINDS = ["padding", "bulk", "execute", "answers", "send", "close", "done", "dropped"] as const;

export interface RingMessage {
  readonly kind: "execute" | "answers" | "send" | "close" | "done" | "dropped";
  readonly execution: number;
  readonly slot: number;
  readonly records: readonly WireRecord[];
  readonly returned?: readonly Returned[];
}

export interface WireFault {
  readonly code: StatusCode;
  readonly message: string;
}

export interface WireAnswer {
  readonly outputs: readonly Tensor[];
  readonly parameters: Entries;
}

/** A call of another model of the same server. */
export interface WireCall {
  readonly model: string;
  readonly version: ModelVersion;
  readonly id: string;
  readonly parameters: Entries;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
}

export type ToWorker =
  | RingMessage
  | {
      readonly kind: "answer";
      readonly call: number;
      readonly answer?: WireAnswer | WireFault;
      readonly final: boolean;
    };

export type FromWorker =
  | RingMessage
  | {
      readonly kind: "raised";
      readonly execution: number;
      readonly message: string;
      readonly returned?: readonly Returned[];
    }
  | {
      readonly kind: "call";
      readonly call: number;
      /** The running execution; none for the model's calls of its own. */
      readonly execution?: number | undefined;
      /** Which of its requests the call is made for, where the model says so. */
      readonly asker?: number | undefined;
      readonly request: WireCall;
    };

/** The thread's calls; everything else uses the rings. A notice is the bell: a sleeping thread looks into its ring. */
export interface ModelCalls {
  /** Loads and initializes the model. @throws Error with the model's error as clients see it */
  load(): void;
}

export const BELL = 0;

/** The data of the thread. */
export interface WorkerData {
  readonly start: WorkerStart;
  readonly shared: SharedParts;
}

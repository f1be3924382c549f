/**
 * A request and its answer between the transports and the data plane: tensors in raw form, no protocol.
 */

import type { Cancellation } from "../base/cancellation.js";
import type { RequestMemory } from "../base/memory/request-memory.js";
import type { ModelVersion } from "../base/model-version.js";
import type { Parameter, Tensor } from "../base/tensor.js";
import type { Lease } from "../engine/schedule/lease.js";
import type { TraceNotes } from "./observe/tracing/trace.js";
import type { RegionPart } from "./requests/shared-memory.js";

/** A tensor as a client sent it: the datatype is unchecked text. */
export interface RequestTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

export interface InferRequest {
  /** Empty when the client sent none. */
  readonly id: string;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly inputs: readonly RequestTensor[];
  /** Names of the wanted outputs; empty for all. */
  readonly outputs: readonly string[];
  /** Outputs that are wanted classified, or in shared memory. */
  readonly wishes?: ReadonlyMap<string, OutputWish>;
  readonly signal?: Cancellation;
  /** Of the request that this one is made for; a client's has none. */
  readonly lease?: Lease;
  /** Takes notes, when the request is traced. */
  readonly trace?: TraceNotes;
  /** Large memory that the request borrows. */
  readonly memory?: RequestMemory;
}

export interface InferResponse {
  readonly model: string;
  readonly version: ModelVersion;
  readonly id: string;
  /** A name may repeat, as an ensemble's do. */
  readonly parameters: Iterable<readonly [string, Parameter]>;
  readonly outputs: readonly Tensor[];
  /** Faults on purpose: only this part of the answer's bytes leaves before the connection is cut. */
  readonly cut?: number;
  /** A decoupled model's answer that is its last one; left out where the end is known only afterwards. */
  readonly final?: true;
}

/** Front of the messages that the core raises: which request is meant. */
export const requestPrefix = (id: string): string => `[request id: ${id || "<id_unknown>"}] `;

/** What is asked of one output, besides its name. */
export type OutputWish = { readonly classes: number } | { readonly region: RegionPart };

/**
 * The contract between the data plane and a backend: when, and with whom, a request is executed.
 */

import type { RuntimeFault } from "../../base/errors.js";
import type { TypedTensor } from "../../base/tensor.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import type { ExecutionTimes } from "../observe/statistics.js";

/** The cost of an execution, and the response; a decoupled model has responded before. */
export interface Executed {
  readonly response?: BackendResponse;
  readonly queueNs: number;
  readonly times: ExecutionTimes;
  /** Models with a response cache: whether it had the response, and the time of the look-up (and of the insertion). */
  readonly cache?: { readonly hit: boolean; readonly ns: number };
}

/** The result of a synchronous execution, and its cost. */
export interface Computed {
  /** In the order of the requested names. */
  readonly outputs: readonly TypedTensor[];
  readonly times: ExecutionTimes;
}

/** Receives the responses of a decoupled model as they arrive. */
export type Answers = (answer: BackendResponse | RuntimeFault) => void;

export interface Scheduler {
  /**
   * @param answers where a decoupled model's answers go
   * @throws RuntimeFault of this request
   */
  schedule(request: BackendRequest, answers?: Answers): Promise<Executed>;
  /**
   * Runs a request synchronously, if an instance is free and its model can.
   * @param inputs fit the configuration
   * @param wanted names of outputs
   * @returns undefined if no synchronous result is available: then `schedule` takes the request
   * @throws RuntimeFault of this request
   */
  runSync?(rows: number, inputs: readonly TypedTensor[], wanted: readonly string[]): Computed | undefined;
  /** Sequences that have begun and not ended, those without a slot among them; only a sequence batcher has any. */
  openSequences?(): number;
  /** Resolves when no request is queued or running. New ones are refused from the first call on. */
  drain(): Promise<void>;
}

/**
 * The contract between the data plane and a backend: when, and with whom, a request is executed.
 */
import type { BackendRequest, BackendResponse } from "../backends/backend.js";
import type { ExecutionTimes } from "../statistics.js";

/** An answer with what it cost. */
export interface Executed {
  readonly response: BackendResponse;
  readonly queueNs: number;
  readonly times: ExecutionTimes;
}

export interface Scheduler {
  /**
   * @param batch rows of the request; 1 for a model without batching
   * @throws RuntimeFault of this request
   */
  schedule(request: BackendRequest, batch: number): Promise<Executed>;
  /** Resolves when no request is queued or running. New ones are refused from the first call on. */
  drain(): Promise<void>;
}

/**
 * A request on its way to another worker, and its possible results.
 */
import type { RuntimeFault } from "../../base/errors.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { InferRequest, InferResponse } from "../contract.js";
import type { AnswerSink } from "../requests/placement.js";

export interface LinkOptions {
  readonly self: number;
  readonly count: number;
  readonly token: string;
  /** The other worker. */
  readonly index: number;
  readonly path: string;
  readonly budget: MemoryBudget;
  readonly silenceMs: number;
  /** The link became usable, or stopped being so. */
  readonly onChange: () => void;
  /** Requests that failed because the other worker did not respond. */
  readonly onLost: (requests: number) => void;
}

/** Not run: the version is not ready at the other worker. */
export const ABSENT = Symbol("absent");
export type Forwarded = InferResponse | undefined | typeof ABSENT;

export interface Pending {
  readonly request: InferRequest;
  readonly sink: AnswerSink | undefined;
  /** Expected microseconds of work. */
  readonly cost: number;
  readonly resolve: (result: Forwarded) => void;
  readonly reject: (fault: RuntimeFault) => void;
  readonly cancel: () => void;
  /** A pooled buffer of the response that arrives. */
  pooled?: ArrayBuffer | undefined;
}

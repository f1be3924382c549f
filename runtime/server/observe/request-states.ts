/**
 * The states of a request in a verbose log, in Triton's words.
 */
import { requestPrefix } from "../requests/request-prefix.js";
import type { ServerLog } from "./server-log.js";

export type RequestState = "PENDING" | "EXECUTING" | "RELEASED" | "FAILED_ENQUEUE";

/** A line for each change of one request's state, by which an operator sees how long it waits and runs. */
export class StateLines {
  #state: RequestState | "INITIALIZED" = "INITIALIZED";
  readonly #log: Pick<ServerLog, "verbose">;
  readonly #id: string;

  constructor(log: Pick<ServerLog, "verbose">, id: string) {
    this.#log = log;
    this.#id = id;
  }

  /** The arms of the request's rows, as its response names them. */
  arm(names: string): void {
    this.#log.verbose("infer_request", `${requestPrefix(this.#id)}arm: ${names}`);
  }

  /** One that is in the state already, as a request that another instance takes over, writes nothing. */
  to(state: RequestState): void {
    if (state === this.#state) return;
    this.#log.verbose("infer_request", stateText(this.#id, this.#state, state));
    this.#state = state;
  }
}

export const stateText = (id: string, from: string, to: string): string =>
  `${requestPrefix(id)}Setting state from ${from} to ${to}`;

/**
 * The server's side of a model's worker thread: executions in, answers out. The requests of the thread fail with it.
 */

import { WorkerEnded } from "../../../../contract/workers/worker-host.js";
import { internal } from "../../../base/errors.js";
import { inBackground } from "../../../base/in-background.js";
import type { Home } from "../../../base/memory/request-memory.js";
import type { BackendRequest, Send, ServerModels } from "../../contract.js";
import type { ExecutionClock } from "../../scheduling/execution-clock.js";
import { answerCall } from "./answer-call.js";
import { lend, movesMemory } from "./buffer-loans.js";
import { ExecutionTimer } from "./execution-timer.js";
import { createExecutions, type Execution, type Executions } from "./executions.js";
import {
  type FromWorker,
  type RingMessage,
  SLOTS,
  type ToWorker,
  type WireRecord,
  type WorkerStart,
} from "./protocol.js";
import { packRequest, readAnswer } from "./server-records.js";
import { startWorker, type WorkerLink } from "./worker-link.js";

export interface ModelThread {
  /** Resolves when `execute` has ended. @throws RuntimeFault; NOT_BEGUN */
  run(requests: readonly BackendRequest[], send: Send, clock?: ExecutionClock): Promise<void>;
  /** How many executions it takes at once. One at a time costs the server twice the processor time where 16 clients send. */
  ahead(): number;
  /** Lets the model finalize, and ends the thread. */
  close(): Promise<void>;
}

/** How long a model may take to finalize before its thread is ended. */
const FINALIZE_MS = 5000;
/** For an execution that takes longer, handing over the next one early does not pay. */
const SHORT_MS = 0.5;
const AHEAD = SLOTS / 2;

/**
 * Resolves when the model has initialized. @throws RuntimeFault if it could not
 * @param limit milliseconds an execution may take; 0 for any
 * @param onEnd called with the reason when a thread that was ready ends, unless it was closed
 */
export async function openThread(
  start: WorkerStart,
  server: ServerModels,
  limit: number,
  onEnd: (reason: string) => void,
): Promise<ModelThread> {
  let loaded = false;
  const parts = startWorker(start, {
    onNotice: () => thread.take(),
    onEnded({ cause, message }) {
      if (cause) thread.reason = message;
      if (loaded) thread.end();
    },
  });
  const thread = new Thread(start, server, parts, limit, onEnd);
  try {
    await parts.host.call("load", undefined);
    // It may have ended right after its reply.
    loaded = parts.host.takesCalls;
    if (loaded) return thread;
  } catch (error) {
    if (!(error instanceof WorkerEnded)) thread.terminate((error as Error).message);
  }
  await parts.host.ended;
  throw internal(thread.reason);
}

class Thread implements ModelThread {
  /** Why the thread ended, or will have. */
  reason = "the model's thread has ended";
  readonly #server: ServerModels;
  readonly #parts: WorkerLink;
  readonly #onEnd: (reason: string) => void;
  readonly #executions: Executions;
  readonly #timer: ExecutionTimer;
  readonly #prefix: string;
  readonly #outputs: number;
  readonly #decoupled: boolean;
  /**
   * Executions that wait here. Those that transfer their requests' own memory wait until they are first, since they could not run elsewhere
   * if this thread died. Those behind them wait too.
   */
  readonly #held: Execution[] = [];
  /** The owner of buffers of responses, once they were written. */
  readonly #home: Home;
  #ended = false;
  #closing = false;

  constructor(
    { config, instance }: WorkerStart,
    server: ServerModels,
    parts: WorkerLink,
    limit: number,
    onEnd: (reason: string) => void,
  ) {
    this.#server = server;
    this.#parts = parts;
    this.#onEnd = onEnd;
    this.#prefix = `Failed to process the request(s) for model '${instance}', message: `;
    this.#outputs = config.output.length;
    this.#decoupled = config.model_transaction_policy?.decoupled === true;
    this.#timer = new ExecutionTimer(limit, () => {
      const reason = `execution took longer than ${limit} ms; the instance was started again`;
      this.reason = reason;
      this.end();
      this.terminate(reason);
    });
    this.#executions = createExecutions(parts.states, parts.cells, server.lease, runs => {
      this.#timer.next(runs);
      this.#handOver();
    });
    this.#home = {
      give: buffer => void (this.#ended || parts.spares.postMessage(buffer, [buffer])),
    };
    parts.link.sleep();
  }

  run(requests: readonly BackendRequest[], send: Send, clock?: ExecutionClock): Promise<void> {
    const executions = this.#executions;
    const moves = movesMemory(requests);
    // In a long round of large requests, what was answered meanwhile makes room for this one. A decoupled model's answers would go out from within the caller.
    if (moves && executions.running && !this.#decoupled) this.#drain();
    const execution = executions.add(requests, send, clock);
    if (this.#held.length > 0 || (moves && executions.head() !== execution)) this.#held.push(execution);
    else this.#hand(execution);
    return execution.done;
  }

  ahead(): number {
    // The last slot is for the one that runs next.
    return this.#decoupled || this.#timer.usual >= SHORT_MS || this.#executions.room < 2 ? 1 : AHEAD;
  }

  /** The thread has woken this side: takes its messages until none is left. */
  take(): void {
    do this.#drain();
    while (!this.#parts.link.sleep());
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#parts.host.end(FINALIZE_MS);
    this.end();
  }

  /** Ends the thread, which its exit reports. */
  terminate(reason: string): void {
    this.reason = reason;
    inBackground(this.#parts.host.terminate(), "ending the thread of a model");
  }

  /** The thread has ended, or will: its executions fail or run elsewhere. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer.stop();
    this.#drain();
    this.#parts.close();
    // They may run elsewhere.
    this.#held.length = 0;
    this.#executions.fail(internal(`${this.#prefix}${this.reason}`));
    if (!this.#closing) this.#onEnd(this.reason);
  }

  #drain(): void {
    const { link } = this.#parts;
    for (let message = link.take(); message; message = link.take()) this.#receive(message);
  }

  /** Hands over what waited, as far as it may run now. */
  #handOver(): void {
    const held = this.#held;
    while (held.length > 0 && !this.#ended) {
      const first = held[0]!;
      if (!first.ended && movesMemory(first.requests) && this.#executions.head() !== first) return;
      held.shift();
      // It was taken back before the thread received it.
      if (first.ended) this.#executions.dropped(first.slot);
      else this.#hand(first);
    }
  }

  #hand(execution: Execution): void {
    const { number, slot, cells, requests } = execution;
    const loans = requests.map(lend);
    if (loans.some(loan => loan)) execution.loans = loans;
    const outputs = this.#outputs;
    const records = requests.map((request, i) => packRequest(request, cells[i]!, outputs, loans[i]));
    this.#parts.link.post({ kind: "execute", execution: number, slot, records });
  }

  #receive(message: FromWorker): void {
    const executions = this.#executions;
    if (message.kind === "call") this.#call(message);
    else if (message.kind === "raised") {
      if (message.returned) executions.takeBack(message.execution, message.returned, () => undefined);
      executions.end(message.execution, internal(`${this.#prefix}${message.message}`));
    } else this.#takeAnswers(message);
  }

  #call({ call, execution, asker, request }: Extract<FromWorker, { kind: "call" }>): void {
    const lease = this.#executions.leaseOf(execution);
    const trace = this.#executions.traceOf(execution, asker);
    const post = (answer: ToWorker): void => this.#parts.link.post(answer);
    const notes = { ...(lease && { lease }), ...(trace && { trace }) };
    inBackground(answerCall(this.#server, call, request, notes, post), "a model's call of another model");
  }

  #takeAnswers({ kind, execution, slot, records, returned }: RingMessage): void {
    const executions = this.#executions;
    const answers = records.map(readAnswer);
    if (returned) executions.takeBack(execution, returned, request => answers[placeOf(request, records)]);
    for (const [i, { number, buffers }] of records.entries()) {
      if (buffers) executions.keep(execution, number, buffers, this.#home);
      executions.send(execution, number, answers[i]);
    }
    if (kind === "close") executions.send(execution, slot, undefined);
    else if (kind === "answers") executions.end(execution, undefined, true);
    else if (kind === "done") executions.end(execution);
    else if (kind === "dropped") executions.dropped(slot);
  }
}

/** Which of the records answers a request. */
const placeOf = (request: number, records: readonly WireRecord[]): number =>
  records.findIndex(({ number }) => number === request);

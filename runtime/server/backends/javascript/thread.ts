/**
 * The server's side of a model's worker thread: executions in, answers out. What the thread has begun fails with it.
 */

import { MessageChannel, Worker } from "node:worker_threads";
import { bundledFile } from "../../../../contract/bundled-file.js";
import { RuntimeFault } from "../../../base/errors.js";
import { inBackground } from "../../../base/in-background.js";
import type { Home } from "../../../base/memory/request-memory.js";
import type { ExecutionClock } from "../../scheduling/execution-clock.js";
import type { BackendRequest, Send, ServerModels } from "../backend.js";
import { answerCall } from "./answer-call.js";
import type { Execution } from "./executions.js";
import { createExecutions } from "./executions.js";
import { lend, movesMemory } from "./lending.js";
import { createLink, RING_BYTES } from "./link.js";
import { nameTable } from "./packing.js";
import {
  CELLS,
  type FromWorker,
  type LifeMessage,
  type RingMessage,
  type SharedParts,
  SLOTS,
  type ToWorker,
  type WireRecord,
  type WorkerStart,
} from "./protocol.js";
import { answered, expect, forget, type Source } from "./pump.js";
import { ringMemory } from "./ring.js";
import { packRequest, readAnswer } from "./server-records.js";

export interface ModelThread {
  /** Resolves when `execute` has ended. @throws RuntimeFault; NOT_BEGUN */
  run(requests: readonly BackendRequest[], send: Send, clock?: ExecutionClock): Promise<void>;
  /** How many executions it takes at once. */
  ahead(): number;
  /** Lets the model finalize, and ends the thread. */
  close(): Promise<void>;
}

/** The thread's code in one file, where it is bundled. */
const workerFile = (): URL | undefined => bundledFile("javascript-worker.cjs");

/** How long a model may take to finalize before its thread is ended. */
const FINALIZE_MS = 5000;
/** An execution that takes longer is not worth looking for its end, nor handing over the next one early. */
const SHORT_MS = 0.5;
const AHEAD = SLOTS / 2;

/**
 * Resolves when the model has initialised. @throws RuntimeFault when it could not
 * @param limit milliseconds an execution may take; 0 for any
 * @param onEnd hears that a thread that had been ready is gone, unless it was closed
 */
export function openThread(
  start: WorkerStart,
  server: ServerModels,
  limit: number,
  onEnd: () => void,
): Promise<ModelThread> {
  const { config, instance } = start;
  const decoupled = config.model_transaction_policy?.decoupled === true;
  const prefix = `Failed to process the request(s) for model '${instance}', message: `;
  const { port1, port2 } = new MessageChannel();
  const spares = new MessageChannel();
  const shared: SharedParts = {
    toWorker: ringMemory(RING_BYTES),
    fromWorker: ringMemory(RING_BYTES),
    states: new SharedArrayBuffer(4 * SLOTS),
    cells: new SharedArrayBuffer(CELLS),
    bulk: port2,
    spares: spares.port2,
  };
  const worker = new Worker(workerFile() ?? new URL("./worker.js", import.meta.url), {
    workerData: { start, shared },
    transferList: [port2, spares.port2],
    name: instance,
  });
  let reason = "the model's thread has ended";
  /** Milliseconds of a usual execution. */
  let usual = 0;
  let begun = 0;
  let timer: NodeJS.Timeout | undefined;

  const ring = (): void => worker.postMessage(0);
  const link = createLink<ToWorker, FromWorker>({
    out: shared.toWorker,
    in: shared.fromWorker,
    bulk: port1,
    names: {
      out: nameTable(config.input.map(({ name }) => name)),
      in: nameTable(config.output.map(({ name }) => name)),
    },
    // At the end of the event loop's round: one wake-up for all requests that came in it. A round of large ones is too long to wait for.
    ring: (isLarge, notify = ring) => (isLarge ? notify() : void setImmediate(notify)),
    waitForRoom: resume => void setTimeout(resume, 1),
  });
  const cells = new Uint8Array(shared.cells);
  const executions = createExecutions(new Int32Array(shared.states), cells, server.lease, runs => {
    const now = performance.now();
    if (begun > 0) usual += (now - begun - usual) / 8;
    begun = runs ? now : 0;
    handOver();
    if (limit === 0) return;
    clearTimeout(timer);
    if (runs) timer = setTimeout(tooLong, limit);
  });
  /**
   * Executions that wait here: those whose requests' own memory moves, until nothing is before them, since they could not run elsewhere if this thread
   * died; and those behind them.
   */
  const held: Execution[] = [];
  const handOver = (): void => {
    while (held.length > 0 && !ended) {
      const [first] = held;
      if (!first!.ended && movesMemory(first!.requests) && executions.head() !== first) return;
      held.shift();
      // It was taken back, and the thread has never heard of it.
      if (first!.ended) executions.dropped(first!.slot);
      else hand(first!);
    }
  };
  const hand = (execution: Execution): void => {
    const { number, slot, cells, requests } = execution;
    const loans = requests.map(lend);
    if (loans.some(loan => loan)) execution.loans = loans;
    const outputs = config.output.length;
    const records = requests.map((request, i) => packRequest(request, cells[i]!, outputs, loans[i]));
    link.post({ kind: "execute", execution: number, slot, records });
    expect(source);
  };
  const tooLong = (): void => {
    reason = `execution took longer than ${limit} ms; the instance was started again`;
    end();
    inBackground(worker.terminate(), "ending the thread of a model");
  };
  const receive = (message: FromWorker): void => {
    if (message.kind === "call")
      inBackground(
        answerCall(server, message.call, message.request, executions.leaseOf(message.execution), answer => {
          link.post(answer);
          expect(source);
        }),
        "a model's call of another model",
      );
    else if (message.kind === "raised") {
      if (message.returned) executions.takeBack(message.execution, message.returned, () => undefined);
      executions.end(message.execution, new RuntimeFault("INTERNAL", `${prefix}${message.message}`));
    } else takeAnswers(message);
  };
  /** Where buffers of answers go when they have been written. */
  const home: Home = { give: buffer => void (ended || spares.port1.postMessage(buffer, [buffer])) };
  const takeAnswers = ({ kind, execution, slot, records, returned }: RingMessage): void => {
    const answers = records.map(readAnswer);
    if (returned) executions.takeBack(execution, returned, request => answers[placeOf(request, records)]);
    for (const [i, { number, buffers }] of records.entries()) {
      if (buffers) executions.keep(execution, number, buffers, home);
      executions.send(execution, number, answers[i]);
    }
    if (kind === "close") executions.send(execution, slot, undefined);
    else if (kind === "answers") executions.end(execution, undefined, true);
    else if (kind === "done") executions.end(execution);
    else if (kind === "dropped") executions.dropped(slot);
  };
  const source: Source = {
    since: 0,
    drain() {
      let message = link.take();
      if (!message) return false;
      for (; message; message = link.take()) receive(message);
      return true;
    },
    patience: () => (executions.running && usual < SHORT_MS ? Math.max(0.1, 2 * usual) : 0),
    sleep: link.sleep,
    awake: link.awake,
  };
  link.sleep();
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    source.drain();
    forget(source);
    port1.close();
    spares.port1.close();
    // They may run elsewhere.
    held.length = 0;
    executions.fail(new RuntimeFault("INTERNAL", `${prefix}${reason}`));
    onEnd();
  };
  const thread: ModelThread = {
    run(requests, send, clock) {
      const moves = movesMemory(requests);
      // In a long round of large requests, what was answered meanwhile makes room for this one. A decoupled model's answers would go out from within the caller.
      if (moves && executions.running && !decoupled) source.drain();
      const execution = executions.add(requests, send, clock);
      if (held.length > 0 || (moves && executions.head() !== execution)) held.push(execution);
      else hand(execution);
      return execution.done;
    },
    // The last slot is for the one that runs next.
    ahead: () => (decoupled || usual >= SHORT_MS || executions.room < 2 ? 1 : AHEAD),
    async close() {
      link.post({ kind: "finalize" });
      await new Promise<void>(resolve => {
        const late = setTimeout(resolve, FINALIZE_MS);
        const stop = (): void => {
          clearTimeout(late);
          resolve();
        };
        worker.on("message", (message: LifeMessage) => message.kind === "finalized" && stop());
        worker.on("exit", stop);
      });
      ended = true;
      forget(source);
      port1.close();
      spares.port1.close();
      await worker.terminate();
    },
  };
  return new Promise((resolve, reject) => {
    let ready = false;
    worker.on("message", (message: LifeMessage) => {
      if (message.kind === "bell") answered(source);
      else if (message.kind === "ready") {
        ready = true;
        resolve(thread);
      } else if (message.kind === "failed") {
        reason = message.message;
        inBackground(worker.terminate(), "ending the thread of a model");
      }
    });
    worker.on("error", error => {
      reason = `the model's thread has ended: ${error.message}`;
    });
    worker.on("exit", () => {
      if (ready) end();
      else reject(new RuntimeFault("INTERNAL", reason));
    });
  });
}

/** Which of the records answers a request. */
const placeOf = (request: number, records: readonly WireRecord[]): number =>
  records.findIndex(({ number }) => number === request);

/**
 * The executions that a thread has been handed, in order: who waits for them, which has begun, and whose client has gone.
 */
import { RuntimeFault } from "../../errors.js";
import type { ExecutionClock } from "../../scheduling/execution-clock.js";
import { type BackendRequest, NOT_BEGUN, type Send } from "../backend.js";
import { CELLS, EXECUTION, SLOTS } from "./protocol.js";

export interface Execution {
  readonly number: number;
  readonly slot: number;
  /** One for each request. */
  readonly cells: readonly number[];
  readonly done: Promise<void>;
}

export interface Executions {
  /** Whether an answer is due. */
  readonly running: boolean;
  /** How many more the thread can be handed. */
  readonly room: number;
  /** @throws RuntimeFault when too many requests are open */
  add(requests: readonly BackendRequest[], send: Send, clock?: ExecutionClock): Execution;
  /** An answer to a request; none for "no more". */
  send(number: number, ...answer: Parameters<Send>): void;
  /**
   * `execute` has ended.
   * @param fault why it failed
   * @param complete whether there are no more answers, either
   */
  end(number: number, fault?: unknown, complete?: boolean): void;
  /** The thread has passed over an execution that was taken back. */
  dropped(slot: number): void;
  /** The thread is gone: what it had begun fails, the rest may run elsewhere. */
  fail(fault: RuntimeFault): void;
}

interface Entry extends Execution {
  readonly send: Send;
  /** Requests whose answers are not complete. */
  readonly open: Set<number>;
  readonly clock: ExecutionClock | undefined;
  ended: boolean;
  stopWatching(): void;
  settle(fault?: unknown): void;
}

/** @param onHead hears when an execution has become the one that runs, and when none is left */
export function createExecutions(states: Int32Array, cells: Uint8Array, onHead: (runs: boolean) => void): Executions {
  const slots = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i);
  const freed: number[] = [];
  let cellsMade = 0;
  const entries = new Map<number, Entry>();
  /** Those whose `execute` has not ended; the first one runs. */
  const order: Entry[] = [];
  let next = 1;

  const takeCell = (): number => {
    const cell = freed.pop() ?? cellsMade++;
    if (cell < CELLS) return cell;
    cellsMade = CELLS;
    throw new RuntimeFault(
      "UNAVAILABLE",
      `the model has ${CELLS} open requests; it must close some before it gets more`,
    );
  };
  const close = (entry: Entry, request: number): void => {
    if (!entry.open.delete(request)) return;
    const cell = entry.cells[request]!;
    Atomics.store(cells, cell, 0);
    freed.push(cell);
    if (entry.open.size > 0) return;
    entry.stopWatching();
    if (entry.ended) entries.delete(entry.number);
  };
  const isTakenBack = ({ slot }: Execution): boolean =>
    Atomics.compareExchange(states, slot, EXECUTION.WAITS, EXECUTION.TAKEN_BACK) === EXECUTION.WAITS;
  const newHead = (): void => {
    order[0]?.clock?.begun();
    order[0]?.clock?.inputsReady();
    onHead(order.length > 0);
  };
  const end = (number: number, fault?: unknown, complete = fault !== undefined): void => {
    const entry = entries.get(number);
    if (!entry || entry.ended) return;
    entry.ended = true;
    const at = order.indexOf(entry);
    order.splice(at, 1);
    if (fault !== NOT_BEGUN) slots.push(entry.slot);
    if (complete) for (const request of [...entry.open]) close(entry, request);
    if (entry.open.size === 0) entries.delete(number);
    entry.settle(fault);
    if (at === 0) newHead();
  };
  return {
    get running() {
      return order.length > 0;
    },
    get room() {
      return slots.length;
    },
    add(requests, send, clock) {
      const slot = slots.pop()!;
      Atomics.store(states, slot, EXECUTION.WAITS);
      const own = requests.map(takeCell);
      const stops = requests.map(({ signal }, i) => watch(signal, () => Atomics.store(cells, own[i]!, 1)));
      let settle!: Entry["settle"];
      const done = new Promise<void>((resolve, reject) => {
        settle = fault => (fault === undefined ? resolve() : reject(fault));
      });
      const entry: Entry = {
        number: next++,
        ...{ slot, cells: own, done, send, clock, settle },
        open: new Set(requests.keys()),
        ended: false,
        stopWatching() {
          for (const stop of stops) stop();
        },
      };
      entries.set(entry.number, entry);
      if (clock)
        clock.takeBack = () => {
          if (entry.ended || !isTakenBack(entry)) return false;
          end(entry.number, NOT_BEGUN);
          return true;
        };
      if (order.push(entry) === 1) newHead();
      return entry;
    },
    send(number, request, answer) {
      const entry = entries.get(number);
      if (!entry?.open.has(request)) return;
      entry.send(request, answer);
      if (!answer || (!(answer instanceof Error) && answer.again)) close(entry, request);
    },
    end,
    dropped: slot => void slots.push(slot),
    fail(fault) {
      for (const entry of [...entries.values()]) {
        const { number, open, send } = entry;
        if (entry.ended)
          for (const request of [...open]) {
            send(request, fault);
            send(request, undefined);
            close(entry, request);
          }
        else end(number, isTakenBack(entry) ? NOT_BEGUN : fault);
      }
    },
  };
}

function watch(signal: BackendRequest["signal"], tell: () => void): () => void {
  if (!signal) return () => {};
  if (signal.aborted) tell();
  signal.addEventListener("abort", tell, { once: true });
  return () => signal.removeEventListener("abort", tell);
}

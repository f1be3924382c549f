/**
 * The executions that a thread has been handed, in order: who waits for them, which has begun, and whose client has gone.
 */
import { RuntimeFault } from "../../../base/errors.js";
import { bufferPool } from "../../../base/memory/buffer-pool.js";
import type { Home } from "../../../base/memory/request-memory.js";
import type { Lease } from "../../../engine/schedule/lease.js";
import { type BackendRequest, type BackendResponse, NOT_BEGUN, type Send, type ServerModels } from "../../contract.js";
import type { TraceNotes } from "../../observe/tracing/trace.js";
import type { ExecutionClock } from "../../scheduling/execution-clock.js";
import { type Loan, takeBack as takeLoanBack } from "./buffer-loans.js";
import { CELLS, EXECUTION, type Returned, SLOTS } from "./protocol.js";

export interface Execution {
  readonly number: number;
  readonly slot: number;
  /** One for each request. */
  readonly cells: readonly number[];
  readonly done: Promise<void>;
  readonly requests: readonly BackendRequest[];
  /** What was lent with each request when it was handed to the thread; one whose own memory has moved can't run elsewhere. */
  loans?: readonly (Loan | undefined)[];
  /** Its promise is settled. */
  readonly ended: boolean;
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
  /** What it asks of other models it asks of one version of each; undefined for one that has ended. */
  leaseOf(number: number | undefined): Lease | undefined;
  /**
   * Notes of a call that it makes.
   * @param request which of its requests the call is for; left out, its only one
   */
  traceOf(number: number | undefined, request: number | undefined): TraceNotes | undefined;
  /** Memory comes back, before the answer whose tensors may lie in it. */
  takeBack(
    number: number,
    returned: readonly Returned[],
    answerOf: (request: number) => BackendResponse | undefined,
  ): void;
  /** Memory that came with an answer is the request's from now on, if it has an end that somebody tells. */
  keep(number: number, request: number, buffers: readonly ArrayBuffer[], home: Home): void;
  /** The first one, which runs. */
  head(): Execution | undefined;
  /** The thread has passed over an execution that was taken back. */
  dropped(slot: number): void;
  /** The thread is gone: what it had begun fails, the rest may run elsewhere. */
  fail(fault: RuntimeFault): void;
}

/** A class, whose methods share nothing with closures: contexts that reached the entry would keep it alive after its end. */
class Entry implements Execution {
  readonly number: number;
  readonly slot: number;
  readonly cells: number[];
  readonly send: Send;
  readonly clock: ExecutionClock | undefined;
  readonly done: Promise<void>;
  /** Of the request that this execution is for; one of several requests has none in common. */
  readonly outer: Lease | undefined;
  /** Made when the model calls another. */
  lease: Lease | undefined;
  /** How many requests' answers are not complete. */
  open: number;
  ended = false;
  readonly requests: readonly BackendRequest[];
  loans?: readonly (Loan | undefined)[];
  readonly #settle: (fault?: unknown) => void;
  readonly #takeBack: (entry: Entry) => boolean;
  #stops: readonly (() => void)[] = [];

  constructor(
    given: Pick<Entry, "number" | "slot" | "cells" | "send" | "clock" | "outer" | "requests">,
    takeBack: (entry: Entry) => boolean,
  ) {
    this.number = given.number;
    this.slot = given.slot;
    this.cells = given.cells;
    this.send = given.send;
    this.clock = given.clock;
    this.outer = given.outer;
    this.requests = given.requests;
    this.open = given.cells.length;
    this.#takeBack = takeBack;
    [this.done, this.#settle] = deferred();
  }

  watch(flags: Uint8Array): void {
    if (!this.requests.some(({ signal }) => signal)) return;
    this.#stops = this.requests.map(({ signal }, i) =>
      watch(signal, () => {
        // One that is complete has no cell any more; its old one may be another's.
        if (this.cells[i] !== CLOSED) Atomics.store(flags, this.cells[i]!, 1);
      }),
    );
  }

  stopWatching(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  settle(fault?: unknown): void {
    this.lease?.end();
    this.lease = undefined;
    this.#settle(fault);
  }

  takeBack(): boolean {
    return this.#takeBack(this);
  }
}

function deferred(): [done: Promise<void>, settle: (fault?: unknown) => void] {
  let settle!: (fault?: unknown) => void;
  const done = new Promise<void>((resolve, reject) => {
    settle = fault => (fault === undefined ? resolve() : reject(fault));
  });
  return [done, settle];
}

/** An execution's number is its place in the list, below bits that tell it from those that had the place before. */
const PLACE_BITS = 17;
const PLACE = 2 ** PLACE_BITS - 1;
const TURN = 2 ** (31 - PLACE_BITS) - 1;
/** The cell of a request whose answers are complete. */
const CLOSED = -1;

/**
 * @param lease for an execution that calls other models
 * @param onHead hears when an execution has become the one that runs, and when none is left
 */
export function createExecutions(
  states: Int32Array,
  cells: Uint8Array,
  lease: ServerModels["lease"],
  onHead: (runs: boolean) => void,
): Executions {
  const slots = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i);
  const freed: number[] = [];
  let cellsMade = 0;
  // No map: the tables that one with steady traffic leaves behind keep each other, and what was in them, until the next full collection.
  const entries: (Entry | undefined)[] = [];
  const places: number[] = [];
  /** Those whose `execute` has not ended; the first one runs. */
  const order: Entry[] = [];
  let turn = 0;

  const find = (number: number): Entry | undefined => {
    const entry = entries[number & PLACE];
    return entry?.number === number ? entry : undefined;
  };
  const remove = ({ number }: Entry): void => {
    entries[number & PLACE] = undefined;
    places.push(number & PLACE);
  };
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
    const cell = entry.cells[request]!;
    if (cell === CLOSED) return;
    Atomics.store(cells, cell, 0);
    freed.push(cell);
    entry.cells[request] = CLOSED;
    entry.open--;
    if (entry.open > 0) return;
    entry.stopWatching();
    if (entry.ended) remove(entry);
  };
  const isTakenBack = ({ slot, loans }: Execution): boolean =>
    !loans?.some(loan => loan?.moved) &&
    Atomics.compareExchange(states, slot, EXECUTION.WAITS, EXECUTION.TAKEN_BACK) === EXECUTION.WAITS;
  const newHead = (): void => {
    order[0]?.clock?.begun();
    order[0]?.clock?.inputsReady();
    onHead(order.length > 0);
  };
  const end = (number: number, fault?: unknown, complete = fault !== undefined): void => {
    const entry = find(number);
    if (!entry || entry.ended) return;
    const at = order.indexOf(entry);
    order.splice(at, 1);
    if (fault !== NOT_BEGUN) slots.push(entry.slot);
    if (complete) for (const request of entry.cells.keys()) close(entry, request);
    entry.ended = true;
    if (entry.open === 0) remove(entry);
    entry.settle(fault);
    if (at === 0) newHead();
  };
  const takeBack = (entry: Entry): boolean => {
    if (entry.ended || !isTakenBack(entry)) return false;
    end(entry.number, NOT_BEGUN);
    return true;
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
      const place = places.pop() ?? entries.length;
      const number = ((turn++ & TURN) << PLACE_BITS) | place;
      const outer = commonLease(requests);
      const entry = new Entry({ number, slot, cells: own, send, clock, outer, requests }, takeBack);
      entry.watch(cells);
      entries[place] = entry;
      if (clock) clock.execution = entry;
      if (order.push(entry) === 1) newHead();
      return entry;
    },
    send(number, request, answer) {
      const entry = find(number);
      if (!entry || (entry.cells[request] ?? CLOSED) === CLOSED) return;
      entry.send(request, answer);
      if (!answer || (!(answer instanceof Error) && answer.again)) close(entry, request);
    },
    end,
    leaseOf(number) {
      const entry = number === undefined ? undefined : find(number);
      if (!entry || entry.ended) return undefined;
      entry.lease ??= lease([], entry.outer);
      return entry.lease;
    },
    traceOf(number, request) {
      const requests = number === undefined ? undefined : find(number)?.requests;
      return requests?.[request ?? (requests.length === 1 ? 0 : -1)]?.trace?.child();
    },
    takeBack(number, returned, answerOf) {
      const entry = find(number);
      for (const { request, buffers } of returned) {
        const loan = entry?.loans?.[request];
        if (entry && loan) takeLoanBack(entry.requests[request]!, buffers, loan.homes, answerOf(request));
        else for (const buffer of buffers) bufferPool.give(buffer);
      }
    },
    keep(number, request, buffers, home) {
      const memory = find(number)?.requests[request]?.memory;
      if (memory) for (const buffer of buffers) memory.adopt(buffer, home);
    },
    head: () => order[0],
    dropped: slot => void slots.push(slot),
    fail(fault) {
      for (const entry of [...order]) end(entry.number, isTakenBack(entry) ? NOT_BEGUN : fault);
      for (const entry of entries)
        for (const [request, cell] of entry?.cells.entries() ?? []) {
          if (!entry?.ended || cell === CLOSED) continue;
          entry.send(request, fault);
          entry.send(request, undefined);
          close(entry, request);
        }
    },
  };
}

const commonLease = (requests: readonly BackendRequest[]): Lease | undefined =>
  requests.every(({ lease }) => lease === requests[0]!.lease) ? requests[0]?.lease : undefined;

function watch(signal: BackendRequest["signal"], tell: () => void): () => void {
  if (!signal) return () => {};
  if (signal.aborted) tell();
  signal.addEventListener("abort", tell, { once: true });
  return () => signal.removeEventListener("abort", tell);
}

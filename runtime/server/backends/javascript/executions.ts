/**
 * The executions that were handed to a thread, in order: their callers, which of them has begun, and whose client has disconnected.
 */
import { type RuntimeFault, unavailable } from "../../../base/errors.js";
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
  /** The loan of each request in the thread; a request whose own memory was transferred can't run elsewhere. */
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
  /** Its calls to other models go to one version of each; undefined for one that has ended. */
  leaseOf(number: number | undefined): Lease | undefined;
  /**
   * Notes of a call that it makes.
   * @param request which of its requests the call is for; left out, its only one
   */
  traceOf(number: number | undefined, request: number | undefined): TraceNotes | undefined;
  /** Memory is returned, before the response whose tensors may be in it. */
  takeBack(
    number: number,
    returned: readonly Returned[],
    answerOf: (request: number) => BackendResponse | undefined,
  ): void;
  /** Memory of a response becomes the request's, if the request signals its end. */
  keep(number: number, request: number, buffers: readonly ArrayBuffer[], home: Home): void;
  /** The first one, which runs. */
  head(): Execution | undefined;
  /** The thread has passed over an execution that was taken back. */
  dropped(slot: number): void;
  /** The thread has ended: the executions that had begun fail, the rest may run elsewhere. */
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
  /** The lease of the request of this execution; several requests have none in common. */
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

/** An execution's number is its place in the list, below bits that distinguish it from earlier executions in that place. */
const PLACE_BITS = 17;
const PLACE = 2 ** PLACE_BITS - 1;
const TURN = 2 ** (31 - PLACE_BITS) - 1;
/** The cell of a request whose answers are complete. */
const CLOSED = -1;

/**
 * @param lease for an execution that calls other models
 * @param onHead called when an execution has become the one that runs, and when none is left
 */
export const createExecutions = (
  states: Int32Array,
  cells: Uint8Array,
  lease: ServerModels["lease"],
  onHead: (runs: boolean) => void,
): Executions => new ThreadExecutions(states, cells, lease, onHead);

class ThreadExecutions implements Executions {
  readonly #states: Int32Array;
  readonly #lease: ServerModels["lease"];
  readonly #onHead: (runs: boolean) => void;
  readonly #cells: Cells;
  /** Places of executions in the memory that is shared with the thread. */
  readonly #slots = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i);
  readonly #entries = new Entries();
  /** Those whose `execute` has not ended; the first one runs. */
  readonly #order: Entry[] = [];
  /** One for all entries. */
  readonly #takeBackEntry = (entry: Entry): boolean => {
    if (entry.ended || !this.#isTakenBack(entry)) return false;
    this.end(entry.number, NOT_BEGUN);
    return true;
  };

  constructor(states: Int32Array, cells: Uint8Array, lease: ServerModels["lease"], onHead: (runs: boolean) => void) {
    this.#states = states;
    this.#cells = new Cells(cells);
    this.#lease = lease;
    this.#onHead = onHead;
  }

  get running(): boolean {
    return this.#order.length > 0;
  }

  get room(): number {
    return this.#slots.length;
  }

  add(requests: readonly BackendRequest[], send: Send, clock?: ExecutionClock): Execution {
    const slot = this.#slots.pop()!;
    Atomics.store(this.#states, slot, EXECUTION.WAITS);
    const cells = requests.map(() => this.#cells.take());
    const number = this.#entries.nextNumber();
    const outer = commonLease(requests);
    const entry = new Entry({ number, slot, cells, send, clock, outer, requests }, this.#takeBackEntry);
    entry.watch(this.#cells.flags);
    this.#entries.add(entry);
    if (clock) clock.execution = entry;
    if (this.#order.push(entry) === 1) this.#newHead();
    return entry;
  }

  send(number: number, request: number, answer: Parameters<Send>[1]): void {
    const entry = this.#entries.find(number);
    if (!entry || (entry.cells[request] ?? CLOSED) === CLOSED) return;
    entry.send(request, answer);
    if (!answer || (!(answer instanceof Error) && answer.again)) this.#close(entry, request);
  }

  end(number: number, fault?: unknown, complete = fault !== undefined): void {
    const entry = this.#entries.find(number);
    if (!entry || entry.ended) return;
    const at = this.#order.indexOf(entry);
    this.#order.splice(at, 1);
    if (fault !== NOT_BEGUN) this.#slots.push(entry.slot);
    if (complete) for (const request of entry.cells.keys()) this.#close(entry, request);
    entry.ended = true;
    if (entry.open === 0) this.#entries.remove(entry);
    entry.settle(fault);
    if (at === 0) this.#newHead();
  }

  leaseOf(number: number | undefined): Lease | undefined {
    const entry = number === undefined ? undefined : this.#entries.find(number);
    if (!entry || entry.ended) return undefined;
    entry.lease ??= this.#lease([], entry.outer);
    return entry.lease;
  }

  traceOf(number: number | undefined, request: number | undefined): TraceNotes | undefined {
    const requests = number === undefined ? undefined : this.#entries.find(number)?.requests;
    return requests?.[request ?? (requests.length === 1 ? 0 : -1)]?.trace?.child();
  }

  takeBack(
    number: number,
    returned: readonly Returned[],
    answerOf: (request: number) => BackendResponse | undefined,
  ): void {
    const entry = this.#entries.find(number);
    for (const { request, buffers } of returned) {
      const loan = entry?.loans?.[request];
      if (entry && loan) takeLoanBack(entry.requests[request]!, buffers, loan.homes, answerOf(request));
      else for (const buffer of buffers) bufferPool.give(buffer);
    }
  }

  keep(number: number, request: number, buffers: readonly ArrayBuffer[], home: Home): void {
    const memory = this.#entries.find(number)?.requests[request]?.memory;
    if (memory) for (const buffer of buffers) memory.adopt(buffer, home);
  }

  head(): Execution | undefined {
    return this.#order[0];
  }

  dropped(slot: number): void {
    this.#slots.push(slot);
  }

  fail(fault: RuntimeFault): void {
    for (const entry of [...this.#order]) this.end(entry.number, this.#isTakenBack(entry) ? NOT_BEGUN : fault);
    for (const entry of this.#entries.all())
      for (const [request, cell] of entry.cells.entries()) {
        if (!entry.ended || cell === CLOSED) continue;
        entry.send(request, fault);
        entry.send(request, undefined);
        this.#close(entry, request);
      }
  }

  /** A request's answers are complete. */
  #close(entry: Entry, request: number): void {
    const cell = entry.cells[request]!;
    if (cell === CLOSED) return;
    this.#cells.give(cell);
    entry.cells[request] = CLOSED;
    entry.open--;
    if (entry.open > 0) return;
    entry.stopWatching();
    if (entry.ended) this.#entries.remove(entry);
  }

  /** Whether the thread had not begun it, and now passes over it. */
  #isTakenBack({ slot, loans }: Execution): boolean {
    return (
      !loans?.some(loan => loan?.moved) &&
      Atomics.compareExchange(this.#states, slot, EXECUTION.WAITS, EXECUTION.TAKEN_BACK) === EXECUTION.WAITS
    );
  }

  #newHead(): void {
    const [first] = this.#order;
    first?.clock?.begun();
    first?.clock?.inputsReady();
    this.#onHead(first !== undefined);
  }
}

/** The flags of open requests, in memory that is shared with the thread: set when the client of one gives up. */
class Cells {
  readonly flags: Uint8Array;
  readonly #freed: number[] = [];
  #made = 0;

  constructor(flags: Uint8Array) {
    this.flags = flags;
  }

  /** @throws RuntimeFault when too many requests are open */
  take(): number {
    const cell = this.#freed.pop() ?? this.#made++;
    if (cell < CELLS) return cell;
    this.#made = CELLS;
    throw unavailable(`the model has ${CELLS} open requests; it must close some before it gets more`);
  }

  give(cell: number): void {
    Atomics.store(this.flags, cell, 0);
    this.#freed.push(cell);
  }
}

/** Executions by number. Not a map: the tables that one with steady traffic leaves behind keep each other, and what was in them, until the next full collection. */
class Entries {
  readonly #list: (Entry | undefined)[] = [];
  readonly #places: number[] = [];
  #turn = 0;

  /** The number of the execution that is added next. */
  nextNumber(): number {
    const place = this.#places.pop() ?? this.#list.length;
    return ((this.#turn++ & TURN) << PLACE_BITS) | place;
  }

  add(entry: Entry): void {
    this.#list[entry.number & PLACE] = entry;
  }

  find(number: number): Entry | undefined {
    const entry = this.#list[number & PLACE];
    return entry?.number === number ? entry : undefined;
  }

  remove({ number }: Entry): void {
    this.#list[number & PLACE] = undefined;
    this.#places.push(number & PLACE);
  }

  all(): readonly Entry[] {
    return this.#list.filter(entry => entry !== undefined);
  }
}

const commonLease = (requests: readonly BackendRequest[]): Lease | undefined =>
  requests.every(({ lease }) => lease === requests[0]!.lease) ? requests[0]?.lease : undefined;

function watch(signal: BackendRequest["signal"], tell: () => void): () => void {
  if (!signal) return () => {};
  if (signal.aborted) tell();
  signal.addEventListener("abort", tell, { once: true });
  return () => signal.removeEventListener("abort", tell);
}

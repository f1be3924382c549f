/**
 * The writer's thread as the thread that serves sees it. Records wait here and are sent one after the other, so that a thread that dies loses
 * those of one message only. A thread that died is started again, after a time that doubles.
 */
import { WorkerHost } from "../../../contract/workers/worker-host.js";
import { inBackground } from "../../base/in-background.js";
import type { LoggedModel } from "./batch.js";
import type { Records } from "./list-maker.js";
import type { ListPlan } from "./log-reader.js";
import { TAPE_BYTES } from "./tape.js";
import type { ThreadOptions, ThreadState, WriterCalls } from "./writer-thread.js";

export interface SentRecords extends Records {
  readonly id: number;
  /** Rows of the lists at most. */
  readonly rows: number;
}

export interface LinkOptions extends Omit<ThreadOptions, "succeeds"> {
  /** Receives the state of the writer after each call. */
  readonly onState: (state: ThreadState) => void;
  /** Called when a call failed, or the thread ended. @param lost rows that are not written */
  readonly onFault: (fault: LinkFault) => void;
}

export interface LinkFault {
  readonly message: string;
  /** Rows that were lost at most. */
  readonly lost: number;
  /** Milliseconds until the thread is started again, if it ended. */
  readonly restartMs: number | undefined;
}

interface OpenModel {
  readonly model: LoggedModel;
  readonly plan: ListPlan;
}

type Work = { readonly kind: "append"; readonly sent: SentRecords } | { readonly kind: "close"; readonly id: number };

/** Counters of a thread; those of its predecessors are added. */
export type Totals = Pick<ThreadState, "rows" | "bytes" | "files" | "dropped">;
const NO_TOTALS: Totals = { rows: 0, bytes: 0, files: 0, dropped: 0 };

const FIRST_RESTART_MS = 1000;
const LAST_RESTART_MS = 60_000;
const SPARES = 2;

export class WriterLink {
  readonly #options: LinkOptions;
  readonly #models = new Map<number, OpenModel>();
  readonly #queue: Work[] = [];
  readonly #spares: ArrayBuffer[] = [];
  readonly #watchers = new Set<() => void>();
  #host: WorkerHost<WriterCalls> | undefined;
  #restart: NodeJS.Timeout | undefined;
  #restartMs = FIRST_RESTART_MS;
  #started = 0;
  /** The first of the queue was sent and is not done. */
  #isBusy = false;
  /** It was received, and cannot be written. */
  #isStuck = false;
  #waitingBytes = 0;
  #before = NO_TOTALS;
  #now = NO_TOTALS;
  #isOver = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#start();
  }

  get totals(): Totals {
    const [before, now] = [this.#before, this.#now];
    return {
      rows: before.rows + now.rows,
      bytes: before.bytes + now.bytes,
      files: before.files + now.files,
      dropped: before.dropped + now.dropped,
    };
  }

  /** Messages that are not written. */
  get waiting(): number {
    return this.#queue.filter(({ kind }) => kind === "append").length;
  }

  /** Bytes of records that are not written. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get isIdle(): boolean {
    return this.#queue.length === 0;
  }

  /** Memory of records that were written, if there is some. */
  takeSpare(): ArrayBuffer | undefined {
    return this.#spares.pop();
  }

  open(of: OpenModel): void {
    this.#models.set(of.model.id, of);
    if (this.#host) inBackground(this.#call(this.#host, "open", of), "writing exposures");
  }

  append(sent: SentRecords): void {
    this.#waitingBytes += sent.length;
    this.#queue.push({ kind: "append", sent });
    this.#pump();
  }

  /** Finishes the files of a model. Resolves when that is done, or cannot be done now; it is then done later. */
  async close(id: number): Promise<void> {
    const work: Work = { kind: "close", id };
    this.#queue.push(work);
    this.#pump();
    await this.until(() => !this.#queue.includes(work) || this.#isStuck || !this.#host);
  }

  /** Work that is due. */
  async tick(): Promise<void> {
    const host = this.#host;
    if (host) await this.#call(host, "tick", undefined);
  }

  /** Writes what waits, and finishes all files. */
  async end(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#restart);
    if (!this.#host) this.#start();
    do {
      await this.until(() => this.#queue.length === 0 || this.#isStuck || !this.#host);
      if (this.#host) await this.#call(this.#host, "end", undefined);
      // A disk that has room again takes the rest.
    } while (this.#queue.length > 0 && !this.#isStuck && this.#host);
  }

  async terminate(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#restart);
    await this.#host?.terminate();
  }

  /** Resolves when a condition on the state is met. */
  until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise(resolve => {
      const watcher = (): void => {
        if (!isMet()) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #start(): void {
    const { onState: _state, onFault: _fault, ...data } = this.#options;
    const host: WorkerHost<WriterCalls> = new WorkerHost<WriterCalls>({
      title: "the thread that writes exposures",
      name: "merlon exposures",
      module: new URL("./writer-thread.js", import.meta.url),
      data: { ...data, succeeds: this.#started > 0 } satisfies ThreadOptions,
      keepsProcess: "never",
      // Its pages are outside the heap, and its objects die young. A broker's messages may be endless lists, which the limit ends.
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 256 },
      onEnded: ({ message }) => this.#ended(message),
    });
    this.#host = host;
    this.#started = performance.now();
    for (const of of this.#models.values()) inBackground(this.#call(host, "open", of), "writing exposures");
    this.#pump();
  }

  #ended(message: string): void {
    this.#host = undefined;
    this.#before = this.totals;
    this.#now = NO_TOTALS;
    const [sent] = this.#queue;
    let lost = 0;
    if (this.#isBusy && sent?.kind === "append") {
      lost = sent.sent.rows;
      this.#done();
    }
    this.#isBusy = false;
    this.#isStuck = false;
    if (!this.#isOver) {
      const lived = performance.now() - this.#started;
      if (lived > LAST_RESTART_MS) this.#restartMs = FIRST_RESTART_MS;
      this.#options.onFault({ message, lost, restartMs: this.#restartMs });
      this.#restart = setTimeout(() => this.#start(), this.#restartMs).unref();
      this.#restartMs = Math.min(2 * this.#restartMs, LAST_RESTART_MS);
    } else if (lost > 0) this.#options.onFault({ message, lost, restartMs: undefined });
    this.#changed();
  }

  /** Sends the first of the queue. */
  #pump(): void {
    const host = this.#host;
    const [work] = this.#queue;
    if (!host || !work || this.#isBusy) return;
    this.#isBusy = true;
    inBackground(
      work.kind === "append" ? this.#send(host, work.sent) : this.#close(host, work.id),
      "writing exposures",
    );
  }

  async #send(host: WorkerHost<WriterCalls>, { id, rows, buffer, length, artefacts }: SentRecords): Promise<void> {
    try {
      const argument = { id, records: { buffer, length, artefacts } };
      const { state, memory } = await host.call("append", argument, [buffer]);
      if (memory.byteLength === TAPE_BYTES && this.#spares.length < SPARES) this.#spares.push(memory);
      if (this.#host !== host) return;
      this.#note(state);
      this.#isStuck = state.waiting > 0;
      if (!this.#isStuck) this.#done();
      else this.#changed();
    } catch (error) {
      // The end of the thread is handled where it is noticed.
      if (!host.takesCalls) return;
      this.#options.onFault({ message: (error as Error).message, lost: rows, restartMs: undefined });
      this.#done();
    }
  }

  async #close(host: WorkerHost<WriterCalls>, id: number): Promise<void> {
    await this.#call(host, "close", id);
    if (this.#host !== host) return;
    this.#models.delete(id);
    this.#done();
  }

  /** The first of the queue is done. */
  #done(): void {
    const work = this.#queue.shift();
    if (work?.kind === "append") this.#waitingBytes -= work.sent.length;
    this.#isBusy = false;
    this.#isStuck = false;
    this.#changed();
    this.#pump();
  }

  async #call<K extends "open" | "close" | "tick" | "end">(
    host: WorkerHost<WriterCalls>,
    name: K,
    argument: Parameters<WriterCalls[K]>[0],
  ): Promise<void> {
    try {
      const state = (await host.call(name, argument as never)) as ThreadState | undefined;
      if (!state || this.#host !== host) return;
      this.#note(state);
      if (this.#isStuck && state.waiting === 0) this.#done();
    } catch (error) {
      if (host.takesCalls) this.#options.onFault({ message: (error as Error).message, lost: 0, restartMs: undefined });
    }
  }

  #note(state: ThreadState): void {
    this.#now = state;
    this.#options.onState(state);
    this.#changed();
  }
}

/**
 * Keeps a number of workers alive. It ends a worker that hangs, and starts another in the place of one that ended. If workers end before they serve, each start
 * is later.
 */
import type { ServerLog } from "../observe/server-log.js";
import type { WorkerPlace } from "./affinity.js";
import { type WorkerEvents, WorkerProcess } from "./worker-process.js";

/** The state of one place among the workers. */
interface Slot {
  worker: WorkerProcess | undefined;
  /** Ends in a row without having served. */
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

/** Ends in a row, before the worker served, after which the server is not ready. */
const MOST_FAILURES = 3;
/** A place among the workers gets no more than one start in this time: a request that ends workers costs no more than that. */
const LEAST_BETWEEN_MS = 1000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const LOOK_MS = 250;
/** A worker may be busy for longer while it loads. */
const LOADING_FACTOR = 10;

export interface SupervisorOptions {
  readonly count: number;
  /** How long a worker may be silent, in milliseconds; 0 for any time. */
  readonly silence: number;
  readonly log: ServerLog;
  readonly events: Omit<WorkerEvents, "onEnd">;
  /** Gives a worker that took the place of another its models, and lets it serve. @throws Error */
  readonly join: (worker: WorkerProcess) => Promise<void>;
  readonly onEnd: (worker: WorkerProcess) => void;
  /** The number of workers that serve, or whether one ends again and again, has changed. */
  readonly onStanding: () => void;
  readonly isLoading: () => boolean;
  /** By the worker's index. */
  readonly places: readonly WorkerPlace[];
}

/** @returns milliseconds until the next start, after this number of ends in a row */
export const restartDelay = (failures: number): number =>
  failures <= 1 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 2));

export class Supervisor {
  readonly #slots: Slot[];
  readonly #options: SupervisorOptions;
  #serial = 0;
  #isStopping = false;
  #looked = performance.now();
  readonly #look: NodeJS.Timeout;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.count }, () => ({ worker: undefined, failures: 0, timer: undefined }));
    this.#look = setInterval(() => this.#lookForSilence(), LOOK_MS).unref();
  }

  /** Those that have not ended. */
  get workers(): readonly WorkerProcess[] {
    return this.#slots.flatMap(({ worker }) => (worker && worker.state !== "gone" ? [worker] : []));
  }

  get serving(): readonly WorkerProcess[] {
    return this.workers.filter(({ state }) => state === "serving");
  }

  /** Whether a worker ends again and again. */
  get isFailing(): boolean {
    return this.#slots.some(({ worker, failures }) => failures >= MOST_FAILURES && worker?.state !== "serving");
  }

  /** All of them, together. */
  start(): readonly WorkerProcess[] {
    return this.#slots.map((_, index) => this.#open(index, "starting"));
  }

  /** No worker is started any more. */
  stop(): void {
    this.#isStopping = true;
    clearInterval(this.#look);
    for (const { timer } of this.#slots) clearTimeout(timer);
  }

  #open(index: number, state: "starting" | "joining"): WorkerProcess {
    const { events, places } = this.#options;
    const onEnd = (one: WorkerProcess, how: string): void => this.#ended(one, how);
    const worker = new WorkerProcess(index, this.#serial++, state, { ...events, onEnd }, places[index]!);
    this.#slots[index]!.worker = worker;
    return worker;
  }

  #ended(worker: WorkerProcess, how: string): void {
    this.#options.onEnd(worker);
    if (this.#isStopping) return;
    const slot = this.#slots[worker.index]!;
    const { log } = this.#options;
    const name = `worker ${worker.index} (process ${worker.child.pid})`;
    slot.failures = worker.served === undefined ? slot.failures + 1 : 0;
    const lived = performance.now() - worker.started;
    const delay = Math.max(restartDelay(slot.failures), LEAST_BETWEEN_MS - lived, 0);
    const next = delay === 0 ? "another takes its place" : `another takes its place in ${(delay / 1000).toFixed(1)} s`;
    log.error("workers", `${name} ${how}; its connections are closed, and ${next}`);
    if (slot.failures >= MOST_FAILURES)
      log.error(
        "workers",
        `worker ${worker.index} has ended ${slot.failures} times in a row before it could serve, so the server is not ready. See the lines before`,
      );
    slot.timer = setTimeout(() => this.#restart(worker.index), delay);
    this.#options.onStanding();
  }

  #restart(index: number): void {
    if (this.#isStopping) return;
    const worker = this.#open(index, "joining");
    this.#options.join(worker).then(
      () => {
        if (worker.state !== "serving") return;
        this.#options.log.info("workers", `worker ${index} (process ${worker.child.pid}) serves`);
        this.#options.onStanding();
      },
      (error: Error) => {
        if (worker.state === "gone" || this.#isStopping) return;
        this.#options.log.error("workers", `worker ${index} could not be started: ${error.message}`);
        worker.kill();
      },
    );
  }

  #lookForSilence(): void {
    const now = performance.now();
    const { silence, log, isLoading } = this.#options;
    // This process itself was stopped for a time, and messages of workers are unread.
    const stood = now - this.#looked > 8 * LOOK_MS;
    this.#looked = now;
    for (const worker of this.workers) {
      if (stood) worker.heard = now;
      const patience = worker.state === "serving" && !isLoading() ? silence : silence * LOADING_FACTOR;
      if (silence === 0 || now - worker.heard < patience) continue;
      worker.heard = now;
      log.error(
        "workers",
        `worker ${worker.index} (process ${worker.child.pid}) has been silent for ${patience / 1000} s, and is ended. Set --worker-timeout if its models need longer`,
      );
      worker.isSilent = true;
      worker.kill();
    }
  }
}

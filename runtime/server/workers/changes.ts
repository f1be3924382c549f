/**
 * The changes of a server's models: one after the other, each in all workers. A worker that takes the place of another joins between two of them.
 */
import { unavailable } from "../../base/errors.js";
import type { Outcome } from "../models/agreement.js";
import { markOf } from "../models/override.js";
import type { Change, Inventory } from "./messages.js";
import { type Ended, Operation } from "./operation.js";
import type { WorkerProcess } from "./worker-process.js";

type Load = Extract<Change, { readonly change: "load" }>;

/** Changes that may wait; each may hold the files of a model. */
const MOST_WAITING = 256;
/** Attempts at a change whose files change meanwhile. */
const ATTEMPTS = 3;

export interface ChangesOptions {
  /** Those that have the server's models. */
  readonly workers: () => readonly WorkerProcess[];
  /** Called with the models whose new versions have taken their places. */
  readonly onPublished: (models: readonly string[]) => void;
  /** Brings the repositories up to date. @throws RuntimeFault */
  readonly refresh: () => Promise<void>;
  readonly control: "none" | "poll" | "explicit";
}

export class Changes {
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #lastId = 0;
  #running: Operation | undefined;
  /** Configurations and files that clients brought, by model. */
  readonly #overrides = new Map<string, Load>();
  /** Loaded models, in explicit mode. */
  readonly wanted = new Set<string>();
  #revision = 0;

  constructor(private readonly options: ChangesOptions) {}

  /** Loads of a new worker, besides the models of `wanted`. */
  get loads(): readonly Load[] {
    return [...this.#overrides.values()].map(exactly);
  }

  /** Models of the repositories that a new worker loads first, in explicit mode. */
  get onDisk(): readonly string[] {
    return [...this.wanted].filter(model => !this.#overrides.get(model)?.override?.files.size);
  }

  /** Changes with the models of the server. */
  get revision(): number {
    return this.#revision;
  }

  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** @throws RuntimeFault of the first worker that failed; then no worker has changed */
  run(change: Change): Promise<void> {
    return this.exclusively(async () => {
      if (change.change === "load" && !change.override?.files.size) await this.options.refresh();
      await this.#everywhere(change, this.options.workers());
    });
  }

  /** Runs when no change is under way. @throws RuntimeFault where too many wait */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MOST_WAITING)
      return Promise.reject(unavailable(`${MOST_WAITING} loads and unloads wait for their turn; try again later`));
    this.#waiting++;
    const done = this.#queue.then(work).finally(() => this.#waiting--);
    this.#queue = done.catch(() => {});
    return done;
  }

  outcome(worker: WorkerProcess, operation: number, key: string, outcome: Outcome): void {
    if (this.#running?.id === operation) this.#running.outcome(worker, key, outcome);
  }

  ended(): void {
    this.#running?.ended();
  }

  async #everywhere(change: Change, workers: readonly WorkerProcess[]): Promise<void> {
    if (workers.length === 0) throw unavailable("no worker of the server serves; try again");
    let ended = await this.#once(change, workers);
    for (let left = ATTEMPTS - 1; left > 0 && ended.differed && change.change !== "poll"; left--)
      ended = await this.#once(
        change,
        workers.filter(({ state }) => state !== "gone"),
      );
    if (ended.fault) throw ended.fault;
    await this.#note(change, workers);
  }

  async #once(change: Change, workers: readonly WorkerProcess[]): Promise<Ended> {
    const operation = new Operation(++this.#lastId);
    this.#running = operation;
    try {
      const ended = await operation.run(workers, change);
      const isUnloaded = change.change === "unload" && !ended.fault;
      if (isUnloaded || ended.published.length > 0) this.#revision++;
      this.options.onPublished(isUnloaded ? [...ended.published, change.model] : ended.published);
      return ended;
    } finally {
      this.#running = undefined;
    }
  }

  /** Notes the change for later workers. */
  async #note(change: Change, workers: readonly WorkerProcess[]): Promise<void> {
    if (change.change === "poll") return;
    const { model } = change;
    if (change.change === "unload") {
      this.wanted.delete(model);
      this.#overrides.delete(model);
      return;
    }
    this.wanted.add(model);
    // Repositories may have the model by other keys.
    const mark = living(workers)[0]?.inventory?.ready.get(model);
    if (change.override && (mark === undefined || (await isServed(change, mark)))) this.#overrides.set(model, change);
    else if (!(await isServed(this.#overrides.get(model), mark))) this.#overrides.delete(model);
  }

  /** @returns models that are not the same everywhere. Called within `exclusively`. */
  async compare(workers: readonly WorkerProcess[]): Promise<readonly string[]> {
    await Promise.allSettled(
      living(workers).map(async worker => {
        worker.inventory = await worker.link.ask("inventory", undefined);
      }),
    );
    return differences(living(workers).map(inventoryOf));
  }

  /**
   * Gives all workers the models of those that serve. Called within `exclusively`.
   * @param joining it takes the place of another one: models that only it has are unloaded
   * @returns models that are still not the same everywhere
   */
  async align(serving: readonly WorkerProcess[], joining?: WorkerProcess): Promise<readonly string[]> {
    const workers = joining ? [...serving, joining] : serving;
    const before = await this.compare(workers);
    if (before.length === 0) return [];
    if (this.options.control === "explicit")
      for (const model of before) await this.#alignModel(model, serving, workers);
    else await this.#once({ change: "poll" }, living(workers));
    return this.compare(workers);
  }

  async #alignModel(
    model: string,
    serving: readonly WorkerProcess[],
    workers: readonly WorkerProcess[],
  ): Promise<void> {
    const markIn = (worker: WorkerProcess): string | undefined => inventoryOf(worker).ready.get(model);
    const isWanted = living(serving).some(worker => markIn(worker) !== undefined);
    if (!isWanted) await this.#once({ change: "unload", model, dependents: false }, living(workers));
    else {
      const load: Load = this.#overrides.get(model) ?? { change: "load", model };
      await this.#once(exactly(load), living(workers));
    }
  }
}

/** Workers that serve the files of a request already go on with them. */
const exactly = (load: Load): Load =>
  load.override ? { ...load, override: { ...load.override, isExact: true } } : load;

/**
 * Whether a worker serves the files or the configuration of a request. Triton ignores files while versions of their configuration serve. A
 * configuration outlives a plain load until the files of the model change.
 */
const isServed = async (load: Load | undefined, mark: string | undefined): Promise<boolean> =>
  load?.override !== undefined && mark?.startsWith(await markOf(load.override)) === true;

const living = (workers: readonly WorkerProcess[]): readonly WorkerProcess[] =>
  workers.filter(({ state }) => state !== "gone");

const inventoryOf = ({ inventory }: WorkerProcess): Inventory => inventory ?? { ready: new Map(), allReady: false };

/** Models that are not the same in all inventories. */
export function differences(all: readonly Inventory[]): readonly string[] {
  const names = new Set(all.flatMap(({ ready }) => [...ready.keys()]));
  const [first] = all;
  return [...names].filter(name => all.some(({ ready }) => ready.get(name) !== first!.ready.get(name)));
}

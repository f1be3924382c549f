/**
 * The changes of a server's models: one after the other, each in all workers. A worker that takes the place of another joins between two of them.
 */
import { unavailable } from "../../base/errors.js";
import type { Outcome } from "../models/agreement.js";
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

  constructor(private readonly options: ChangesOptions) {}

  /** Loads of a new worker, besides the models of `wanted`. */
  get loads(): readonly Load[] {
    return [...this.#overrides.values()];
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

  async #everywhere(given: Change, workers: readonly WorkerProcess[]): Promise<void> {
    const change = numbered(given, this.#lastId + 1);
    if (workers.length === 0) throw unavailable("no worker of the server serves; try again");
    let ended = await this.#once(change, workers);
    for (let left = ATTEMPTS - 1; left > 0 && ended.differed && change.change !== "poll"; left--)
      ended = await this.#once(
        change,
        workers.filter(({ state }) => state !== "gone"),
      );
    if (ended.fault) throw ended.fault;
    this.#note(change, workers);
  }

  async #once(change: Change, workers: readonly WorkerProcess[]): Promise<Ended> {
    const operation = new Operation(++this.#lastId);
    this.#running = operation;
    try {
      const ended = await operation.run(workers, change);
      this.options.onPublished(
        change.change === "unload" && !ended.fault ? [...ended.published, change.model] : ended.published,
      );
      return ended;
    } finally {
      this.#running = undefined;
    }
  }

  /** Notes the change for later workers. */
  #note(change: Change, workers: readonly WorkerProcess[]): void {
    if (change.change === "poll") return;
    const { model } = change;
    if (change.change === "unload") {
      this.wanted.delete(model);
      this.#overrides.delete(model);
      return;
    }
    this.wanted.add(model);
    if (change.override) this.#overrides.set(model, change);
    else if (!this.#isKept(model, workers)) this.#overrides.delete(model);
  }

  /** A configuration of a request outlives a plain load until the model's files change; its files do not. */
  #isKept(model: string, workers: readonly WorkerProcess[]): boolean {
    const override = this.#overrides.get(model)?.override;
    const mark = workers.find(({ state }) => state !== "gone")?.inventory?.ready.get(model);
    return override?.config !== undefined && override.files.size === 0 && mark?.startsWith(override.config) === true;
  }

  /**
   * Gives all workers the models of the first. Called within `exclusively`.
   * @returns models that are still not the same everywhere
   */
  async align(workers: readonly WorkerProcess[]): Promise<readonly string[]> {
    await Promise.all(
      workers.map(async worker => {
        worker.inventory = await worker.link.ask("inventory", undefined);
      }),
    );
    const before = differences(workers.map(inventoryOf));
    if (before.length === 0) return [];
    if (this.options.control === "explicit") for (const model of before) await this.#alignModel(model, workers);
    else await this.#once({ change: "poll" }, living(workers));
    return differences(living(workers).map(inventoryOf));
  }

  async #alignModel(model: string, workers: readonly WorkerProcess[]): Promise<void> {
    const has = (worker: WorkerProcess): boolean => inventoryOf(worker).ready.has(model);
    const [first] = workers;
    if (has(first!)) await this.#once(this.#overrides.get(model) ?? { change: "load", model }, living(workers));
    else await this.#once({ change: "unload", model, dependents: false }, living(workers).filter(has));
  }
}

/** Files of a request have a number, by which workers recognize the same load. */
const numbered = (change: Change, id: number): Change =>
  change.change === "load" && change.override ? { ...change, override: { ...change.override, id } } : change;

const living = (workers: readonly WorkerProcess[]): readonly WorkerProcess[] =>
  workers.filter(({ state }) => state !== "gone");

const inventoryOf = ({ inventory }: WorkerProcess): Inventory => inventory ?? { ready: new Map(), allReady: false };

/** Models that are not the same in all inventories. */
export function differences(all: readonly Inventory[]): readonly string[] {
  const names = new Set(all.flatMap(({ ready }) => [...ready.keys()]));
  const [first] = all;
  return [...names].filter(name => all.some(({ ready }) => ready.get(name) !== first!.ready.get(name)));
}

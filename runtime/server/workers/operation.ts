/**
 * One change of models in all workers, in two phases: each loads without publishing, and reports. Then all publish, or none.
 */
import { RuntimeFault, unavailable } from "../../base/errors.js";
import type { Outcome } from "../models/agreement.js";
import type { Change } from "./messages.js";
import type { WorkerProcess } from "./worker-process.js";

/** The end of an operation. */
export interface Ended {
  /** The first failure; of the worker that failed by itself, where others followed it. */
  readonly fault: RuntimeFault | undefined;
  /** Workers found different files: the operation is worth another attempt. */
  readonly differed: boolean;
  /** Models whose new versions took their places, and began to count anew. */
  readonly published: readonly string[];
}

interface Part {
  at: { readonly key: string; readonly outcome: Outcome } | undefined;
  done: { readonly fault: RuntimeFault | undefined } | undefined;
}

const CHANGED =
  "the model's files changed while the workers of the server loaded them, so none has taken the new ones; load it again";

export class Operation {
  readonly #parts = new Map<WorkerProcess, Part>();
  readonly #published = new Set<string>();
  /** The first worker that failed to load what is decided next, and the first of the operation. */
  #culprit: WorkerProcess | undefined;
  #first: WorkerProcess | undefined;
  #differed = false;

  constructor(readonly id: number) {}

  /** Resolves when it has ended in all workers. */
  async run(workers: readonly WorkerProcess[], change: Change): Promise<Ended> {
    for (const worker of workers) this.#parts.set(worker, { at: undefined, done: undefined });
    await Promise.all(workers.map((worker, i) => this.#runIn(worker, change, i === 0)));
    const living = [...this.#parts].filter(([{ state }]) => state !== "gone");
    const faults = living.flatMap(([worker, { done }]) => (done?.fault ? [{ worker, fault: done.fault }] : []));
    const first = faults.find(({ worker }) => worker === this.#first) ?? faults[0];
    const fault =
      living.length === 0 ? unavailable("all workers of the server ended during the call; try again") : first?.fault;
    return { fault, differed: this.#differed, published: [...this.#published] };
  }

  async #runIn(worker: WorkerProcess, change: Change, countsWarmUps: boolean): Promise<void> {
    const part = this.#parts.get(worker)!;
    try {
      worker.inventory = await worker.link.ask("change", { operation: this.id, change, countsWarmUps });
      part.done = { fault: undefined };
    } catch (error) {
      part.done = { fault: RuntimeFault.from(error, (error as Error).message) };
    }
    this.#decide();
  }

  outcome(worker: WorkerProcess, key: string, outcome: Outcome): void {
    const part = this.#parts.get(worker);
    if (!part) return;
    part.at = { key, outcome };
    if (outcome.faults !== "") {
      this.#culprit ??= worker;
      this.#first ??= worker;
    }
    this.#decide();
  }

  /**
   * Decides on the next model as soon as no worker is on its way: every one of them waits, or has ended. A worker that does not wait for this model
   * agrees if it serves the same files already, as one does that has just started.
   */
  #decide(): void {
    const parts = [...this.#parts].filter(([{ state }]) => state !== "gone");
    const all = parts.flatMap(([worker, { at }]) => (at ? [{ worker, ...at }] : []));
    if (all.length === 0 || parts.some(([, { at, done }]) => !at && !done)) return;
    const { key, outcome } = all.find(one => one.key !== "") ?? all[0]!;
    const waiting = all.filter(one => one.key === key);
    const failed = waiting.find(({ worker }) => worker === this.#culprit) ?? waiting.find(one => one.outcome.faults);
    const isSame = parts.every(([{ inventory }, { at }]) =>
      at?.key === key ? at.outcome.mark === outcome.mark : key !== "" && inventory?.ready.get(key) === outcome.mark,
    );
    if (failed) this.#tell(waiting, failed.outcome);
    else if (isSame) {
      if (key !== "" && !outcome.keepsStatistics) this.#published.add(key);
      this.#tell(waiting, undefined);
    } else {
      this.#differed = true;
      const fault = parts.map(([, { done }]) => done?.fault).find(Boolean);
      this.#tell(waiting, { mark: "", faults: fault?.message ?? CHANGED, reasons: {}, keepsStatistics: true });
    }
    this.#culprit = undefined;
  }

  #tell(waiting: readonly { worker: WorkerProcess; key: string }[], failed: Outcome | undefined): void {
    for (const { worker, key } of waiting) {
      this.#parts.get(worker)!.at = undefined;
      worker.link.note({ note: "verdict", operation: this.id, key, failed });
    }
  }

  /** A worker has ended: the others do not wait for it. */
  ended(): void {
    this.#decide();
  }
}

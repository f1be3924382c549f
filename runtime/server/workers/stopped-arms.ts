/** News of arms, from the worker that has them to the others. A worker that takes the place of another learns which arms are stopped. */
import { steadyNow } from "../../base/clock.js";
import type { ArmNews } from "../scheduling/shared-arms.js";
import type { WorkerProcess } from "./worker-process.js";

export class StoppedArms {
  readonly #stops = new Map<string, ArmNews>();
  readonly #workers: () => readonly WorkerProcess[];

  /** @param workers those that have models */
  constructor(workers: () => readonly WorkerProcess[]) {
    this.#workers = workers;
  }

  take(from: WorkerProcess, news: readonly ArmNews[]): void {
    for (const one of news) if (one.until !== undefined) this.#stops.set(`${one.model}\n${one.arm}`, one);
    for (const worker of this.#workers()) if (worker !== from) worker.link.note({ note: "arms", news });
  }

  /** New versions of models start all their arms. */
  published(models: readonly string[]): void {
    for (const [name, { model }] of this.#stops) if (models.includes(model)) this.#stops.delete(name);
  }

  joined(worker: WorkerProcess): void {
    const now = steadyNow();
    const news = [...this.#stops.values()].filter(({ until }) => until! > now);
    if (news.length > 0) worker.link.note({ note: "arms", news });
  }
}

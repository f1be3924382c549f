/**
 * The regular comparison of the workers' models: one that has other files than the others would answer wrongly until the next load.
 */
import { inBackground } from "../../base/in-background.js";
import type { ServerLog } from "../observe/server-log.js";
import type { Changes } from "./changes.js";
import type { WorkerProcess } from "./worker-process.js";

/** Between two comparisons; twice as long after each that could not make the models the same, up to a limit. */
const PAUSE_MS = 5000;
const LONGEST_PAUSE_MS = 300_000;

export class Comparison {
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  /** Models that the last one left different. */
  #different = "";

  constructor(
    private readonly changes: Changes,
    private readonly serving: () => readonly WorkerProcess[],
    private readonly log: ServerLog,
  ) {}

  start(pause = PAUSE_MS): void {
    const next = async (): Promise<void> => {
      const isSame = await this.run();
      if (!this.#isStopped) this.start(isSame ? PAUSE_MS : Math.min(2 * pause, LONGEST_PAUSE_MS));
    };
    this.#timer = setTimeout(() => inBackground(next(), "comparing the models of the workers"), pause).unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Loads models that differ again, in all workers. @returns whether they are the same now */
  run(): Promise<boolean> {
    // Workers differ during a change.
    if (this.changes.isBusy) return Promise.resolve(true);
    return this.changes.exclusively(async () => {
      const found = textOf(await this.changes.compare(this.serving()));
      if (found === "") return true;
      const isNew = found !== this.#different;
      if (isNew)
        this.log.error("workers", `workers have different files of these models, which are loaded again: ${found}`);
      const left = textOf(await this.changes.align(this.serving()));
      if (left === "") this.log.info("workers", `all workers have the same files of these models again: ${found}`);
      else if (isNew)
        this.log.error("workers", `workers still have different files of these models; load or unload them: ${left}`);
      this.#different = left;
      return left === "";
    });
  }
}

const textOf = (models: readonly string[]): string => models.join(", ");

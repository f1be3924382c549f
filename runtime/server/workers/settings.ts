/**
 * The settings that all workers share: set in all of them, or in none, and again in a worker that takes the place of another.
 */
import { RuntimeFault } from "../../base/errors.js";
import type { Setting } from "./messages.js";
import type { WorkerProcess } from "./worker-process.js";

/** Settings are small, and a worker that takes none of them for this long is about to be replaced. */
const SET_MS = 10_000;

export class SharedSettings {
  /** The settings of a worker that starts now, in this order. */
  #kept: Setting[] = [];
  #queue: Promise<unknown> = Promise.resolve();

  /** @param workers those that have the settings so far @param onSet called with a setting when all workers have it */
  constructor(
    private readonly workers: () => readonly WorkerProcess[],
    private readonly onSet: (setting: Setting) => Promise<void>,
  ) {}

  /** One after the other. @throws RuntimeFault; then no worker has it */
  set(setting: Setting): Promise<void> {
    return this.#next(() => this.#setEverywhere(setting));
  }

  /** @param then called when the worker has all settings, and before others are set */
  replay(worker: WorkerProcess, then: () => void): Promise<void> {
    return this.#next(async () => {
      // The file of a region may be removed by now. Workers that opened it before still have it; this one cannot.
      for (const setting of this.#kept) await worker.link.ask("set", setting, SET_MS).catch(() => {});
      then();
    });
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }

  async #setEverywhere(setting: Setting): Promise<void> {
    const workers = this.workers();
    const results = await Promise.allSettled(workers.map(({ link }) => link.ask("set", setting, SET_MS)));
    // A worker that has ended meanwhile, or hangs, gets it with the others when it is replaced.
    const failed = results.find(
      (one, i): one is PromiseRejectedResult => one.status === "rejected" && workers[i]!.state !== "gone",
    );
    if (failed && setting.setting === "register") {
      const undo = { setting: "unregister", name: setting.region.name } as const;
      const isKnown = this.#kept.some(one => one.setting === "register" && one.region.name === undo.name);
      const done = workers.filter((_, i) => results[i]!.status === "fulfilled");
      if (!isKnown) await Promise.allSettled(done.map(({ link }) => link.ask("set", undo, SET_MS)));
    }
    if (failed) throw RuntimeFault.from(failed.reason);
    this.#keep(setting);
    await this.onSet(setting);
  }

  /** Keeps what has an effect, so that the list stays as short as the state is small. */
  #keep(setting: Setting): void {
    const drop = (isOver: (one: Setting) => boolean): void => {
      this.#kept = this.#kept.filter(one => !isOver(one));
    };
    switch (setting.setting) {
      case "unregister":
        drop(one => one.setting === "register" && (setting.name === "" || one.region.name === setting.name));
        return;
      case "no-fault":
        drop(one => one.setting === "fault" && (setting.id === undefined || one.id === setting.id));
        // Faults of the command line are in no setting.
        drop(one => one.setting === "no-fault" && (setting.id === undefined || one.id === setting.id));
        break;
      case "log-json":
      case "log-grpc":
      case "trace": {
        const keys = Object.keys(setting.given);
        const scope = setting.setting === "trace" ? setting.model : undefined;
        drop(
          one =>
            one.setting === setting.setting &&
            (one.setting !== "trace" || one.model === scope) &&
            Object.keys(one.given).every(key => keys.includes(key)),
        );
      }
    }
    this.#kept.push(setting);
  }
}

/**
 * Models whose native code ended a worker. All workers then run them in processes of their own, until their files change.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createMarks, type ModelBuild, readMarks } from "../../base/native-marks.js";
import type { ServerLog } from "../observe/server-log.js";
import type { WorkerStart } from "./messages.js";
import type { WorkerProcess } from "./worker-process.js";

/** Ends by a fault of native code. The kernel and people also send SIGKILL, whatever runs. */
const FAULTS: ReadonlySet<NodeJS.Signals> = new Set(["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP"]);

export class IsolatedModels {
  readonly #builds: ModelBuild[] = [];

  /** @param folder of the files of marks */
  constructor(
    private readonly folder: string,
    private readonly log: Pick<ServerLog, "error" | "warning">,
  ) {}

  startOf(serial: number): Pick<WorkerStart, "marks" | "isolated"> {
    const path = this.#fileOf(serial);
    try {
      createMarks(path);
      return { marks: path, isolated: this.#builds };
    } catch (error) {
      const reason = (error as Error).message;
      this.log.warning("workers", `models whose native code ends a worker will not be known: ${reason}`);
      return { marks: undefined, isolated: this.#builds };
    }
  }

  /** @returns models that run in processes of their own from now on */
  ended({ serial, index, child, signal, isSilent }: WorkerProcess): readonly ModelBuild[] {
    const path = this.#fileOf(serial);
    let found: readonly ModelBuild[] = [];
    try {
      if (isSilent) found = readMarks(path, "loop");
      else if (signal && FAULTS.has(signal)) found = readMarks(path);
    } catch {
      // It ended before it had a file.
    }
    rmSync(path, { force: true });
    const how = isSilent ? "became silent" : `was ended by ${signal}`;
    for (const { model, version } of found)
      this.log.error(
        "workers",
        `version ${version} of model '${model}' ran native code when worker ${index} (process ${child.pid}) ${how}. From now on it runs in processes of its own, until its files change`,
      );
    this.#builds.push(...found);
    return found;
  }

  #fileOf(serial: number): string {
    return join(this.folder, `${serial}.marks`);
  }
}

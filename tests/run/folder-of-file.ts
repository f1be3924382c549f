/**
 * Each file of tests has a temporary folder of its own, inside that of the run. Suites run in parallel, and some count leftovers. A fault
 * in work that no request waits for, which a server logs and survives, fails the run.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { watchFaults } from "#runtime/base/in-background.js";

/** Files that share a process have the folder of the run in common, and one watch. */
interface OfProcess {
  readonly folder: string;
  endWatch?: () => void;
}
const OF_PROCESS = Symbol.for("merlon tests: the folder of the run");
const inProcess = globalThis as { [OF_PROCESS]?: OfProcess };
inProcess[OF_PROCESS] ??= { folder: tmpdir() };
const ofProcess = inProcess[OF_PROCESS];

process.env.TMPDIR = mkdtempSync(join(ofProcess.folder, "file-"));
ofProcess.endWatch?.();
ofProcess.endWatch = watchFaults((fault, doing) => {
  setImmediate(() => {
    throw new Error(`${doing} failed`, { cause: fault });
  });
});

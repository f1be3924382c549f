/**
 * Each file of tests has a temporary folder of its own, inside that of the run. Suites run in parallel, and some count leftovers. A fault
 * in work that no request waits for, which a server logs and survives, fails the run.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { watchFaults } from "#runtime/base/in-background.js";

process.env.TMPDIR = mkdtempSync(join(tmpdir(), "file-"));
watchFaults((fault, doing) => {
  setImmediate(() => {
    throw new Error(`${doing} failed`, { cause: fault });
  });
});

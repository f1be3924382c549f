// Type-checks the tests (tests/type-check.json), as a fresh clone does.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT, TSC } from "./setup.mjs";
import { removeStaleOutputs } from "./stale-outputs.mjs";

const removed = removeStaleOutputs(ROOT);
if (removed.length > 0) process.stdout.write(`outputs of deleted sources, removed from dist/: ${removed.join(", ")}\n`);
const { status } = spawnSync(process.execPath, [TSC, "-p", join("tests", "type-check.json")], {
  cwd: ROOT,
  stdio: "inherit",
});
process.exitCode = status ?? 1;

// Type-checks the tests (tests/type-check.json).
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./setup.mjs";

const TSC = join(ROOT, "node_modules", "@typescript", "native", "bin", "tsc");
const { status } = spawnSync(process.execPath, [TSC, "-p", join("tests", "type-check.json")], {
  cwd: ROOT,
  stdio: "inherit",
});
process.exitCode = status ?? 1;

// `npm run test:reliability`: tests/reliability in its long form. `--workers N` gives the servers under test N workers, and adds the tests of walls that
// start a server process. `--short` runs the short form. The rest is as for `npm test`: parts of paths choose files, and options are vitest's.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./setup.mjs";
import { testFiles } from "./test-needs.mjs";

const words = process.argv.slice(2);
/** Takes a flag of `count` words out of the others. */
const take = (name, count) => {
  const at = words.indexOf(name);
  return at < 0 ? [] : words.splice(at, count);
};
const [, workers = "1"] = take("--workers", 2);
const [isShort] = take("--short", 1);
if (!/^[1-9]\d?$/.test(workers)) throw new Error(`--workers: a number from 1 to 99; got '${workers}'`);

const STARTS = /(?:support\/(?:child-server|server-process)|run\/workers|runtime\/server\/support)\.js"/;
const startsServer = file => file.startsWith("tests/walls/") && STARTS.test(readFileSync(join(ROOT, file), "utf8"));
const isMeant = file => file.startsWith("tests/reliability/") || (workers !== "1" && startsServer(file));
const patterns = words.filter(word => !word.startsWith("-"));
const files = testFiles().filter(file => isMeant(file) && patterns.every(pattern => file.includes(pattern)));
const options = words.filter(word => word.startsWith("-"));
const env = { ...process.env, MERLON_TEST_WORKERS: workers, ...(isShort ? {} : { RELIABILITY: "full" }) };
const test = join(ROOT, "scripts", "test.mjs");
spawn(process.execPath, [test, ...files, ...options], { cwd: ROOT, stdio: "inherit", env }).on("exit", code => {
  process.exitCode = code ?? 1;
});

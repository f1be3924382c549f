// `npm run check`: format, lint, types (of tests too) and the sentences of type errors, for the files that changed since the last commit. Takes
// the whole tree if none did, or with `--all`. `--since REVISION` compares with another one. Prints a line for each gate, and the output of those that fail.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { COMPILE, gatesFor, runGate } from "./gates.mjs";
import { ROOT } from "./setup.mjs";

const { values } = parseArgs({
  options: { all: { type: "boolean", default: false }, since: { type: "string", default: "HEAD" } },
});
const git = (...words) => execFileSync("git", words, { cwd: ROOT, encoding: "utf8" }).split("\n").filter(Boolean);
const changed = values.all
  ? []
  : [
      ...git("diff", "--name-only", "--no-renames", values.since),
      ...git("ls-files", "--others", "--exclude-standard"),
    ].filter(path => existsSync(join(ROOT, path)));
const lanes = gatesFor(changed.length === 0 ? undefined : changed);
process.stdout.write(
  changed.length === 0 ? "the whole tree\n" : `${changed.length} changed file${changed.length === 1 ? "" : "s"}\n`,
);

let status = 0;
async function gate(words) {
  const { name, isGood, seconds } = await runGate(words);
  process.stdout.write(`${isGood ? "✔" : "✘"} ${name}  ${seconds.toFixed(1)} s\n`);
  if (!isGood) status = 1;
  return isGood;
}
const runLane = async lane => {
  for (const words of lane) await gate(words);
};
if (await gate(COMPILE)) await Promise.all(lanes.map(runLane));
process.exitCode = status;

/**
 * The tools that check the sources, in two lanes of about the same time: each of the tools uses little more than one core. `npm run check` and
 * `npm test` run them.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT, TSC } from "./setup.mjs";

const bin = path => join(ROOT, "node_modules", path);
const CODE = /\.(?:ts|mts|cts|js|mjs|cjs)$/;
const TYPES = /^(?:compiler\/dsl|contract|operators|runtime\/client|tests\/types)\//;

/**
 * @param changed files of the tree; undefined for all of it
 * @returns lanes of gates: a name and the words after `node`
 */
export function gatesFor(changed) {
  const code = changed?.filter(path => CODE.test(path));
  const judged = code ?? [];
  const isIdle = code?.length === 0;
  const format = ["format and lint", bin("@biomejs/biome/bin/biome"), "check", "--no-errors-on-unmatched", ...judged];
  const promises = [
    "promises and cycles",
    bin("oxlint/bin/oxlint"),
    "--no-error-on-unmatched-pattern",
    "--type-aware",
    ...judged,
  ];
  const types = ["types and their sentences", bin("tstyche/dist/bin.js")];
  return [
    [...(isIdle ? [] : [format]), ["types of tests", join(ROOT, "scripts", "check-tests.mjs")]],
    [...(isIdle ? [] : [promises]), ...(changed?.every(path => !TYPES.test(path)) ? [] : [types])],
  ];
}

/** Compiles `dist/`, whose declarations the other gates read. */
export const COMPILE = ["types", TSC, "-b"];

/**
 * Runs a gate, with its output in one piece if it fails.
 * @returns `{ name, isGood, seconds }`
 */
export function runGate([name, ...words]) {
  const began = performance.now();
  const child = spawn(process.execPath, words, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => output.push(chunk));
  return new Promise(done =>
    child.on("close", code => {
      if (code !== 0) process.stdout.write(Buffer.concat(output));
      done({ name, isGood: code === 0, seconds: (performance.now() - began) / 1000 });
    }),
  );
}

// `npm run mutate -- FOLDER…`: plants small faults in the sources of a folder, one at a time, and counts those that its tests notice.
// StrykerJS' instrumenter makes them; it is installed into `.cache/mutation` at the first use. tests/mutation/run-mutants.mjs runs the tests.
import fs, { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FOLDERS } from "../tests/mutation/folders.mjs";
import { identified, pathOf, sampleOf, wilson } from "../tests/mutation/mutants.mjs";
import { instrument, runMutants } from "../tests/mutation/run-mutants.mjs";
import { needsReader } from "../tests/run/graph.mjs";
import { ensurePackages, once, ROOT, run, step } from "./setup.mjs";
import { setUpNeeds } from "./test-needs.mjs";

const CACHE = join(ROOT, ".cache", "mutation");
const STRYKER = "10.1.1";
const CAUGHT = ["Killed", "Timeout"];

const HELP = `npm run mutate -- FOLDER… [--sample N] [--seed S] [--only TEXT]

Plants faults in the sources of a folder and counts those that its tests notice.

  --sample N       N mutants of each folder, chosen by --seed (default all)
  --seed S         seed of the sample (default 1)
  --only TEXT      mutants of files whose path contains TEXT
  --tests PATTERN  other tests than those of the table; may be repeated
  --lanes N        N processes of tests at the same time (default 1)

Folders (tests/mutation/folders.mjs):
${Object.entries(FOLDERS)
  .map(([name, { time }]) => `  ${name.padEnd(12)} ${time}`)
  .join("\n")}
`;

const ensureInstrumenter = () =>
  once("instrumenter", STRYKER, () =>
    step(`Installing StrykerJS' instrumenter ${STRYKER}`, () => {
      mkdirSync(CACHE, { recursive: true });
      writeFileSync(join(CACHE, "package.json"), '{ "private": true }\n');
      run(
        "npm",
        [
          ...["install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"],
          ...["instrumenter", "api"].map(name => `@stryker-mutator/${name}@${STRYKER}`),
        ],
        { cwd: CACHE },
      );
    }),
  );

async function openInstrumenter() {
  const { Instrumenter } = await import(
    join(CACHE, "node_modules/@stryker-mutator/instrumenter/dist/src/instrumenter.js")
  );
  return new Instrumenter({ debug() {}, info() {}, warn() {}, isDebugEnabled: () => false });
}

const sourcesOf = ({ sources }) =>
  sources.flatMap(prefix =>
    prefix.endsWith(".ts")
      ? [prefix]
      : readdirSync(join(ROOT, prefix), { recursive: true })
          .map(name => join(prefix, name))
          .filter(path => /(?<!\.test|\.d)\.ts$/.test(path) && !path.includes("/gen/"))
          .sort(),
  );

/** @returns mutants of the files, each with the text of its first line */
async function mutantsOf(instrumenter, files) {
  const texts = new Map(files.map(file => [file, readFileSync(join(ROOT, file), "utf8")]));
  const inputs = [...texts].map(([name, content]) => ({ name, content, mutate: true }));
  const { mutants } = await instrumenter.instrument(inputs, {
    plugins: null,
    excludedMutations: [],
    ignorers: [],
  });
  return identified(
    mutants.map(mutant => ({ ...mutant, line: lineOf(texts.get(mutant.fileName), mutant.location.start.line) })),
  );
}

const lineOf = (text, line) => text.split("\n")[line].trim();

/** @returns the mutants with their status */
async function statusesOf(instrumenter, name, mutants, tests, lanes) {
  const folder = join(CACHE, name);
  mkdirSync(folder, { recursive: true });
  const numbered = await instrument(instrumenter, mutants, join(folder, "instrumented"));
  const known = new Map();
  await runMutants(folder, numbered, tests, {
    print: text => process.stdout.write(`${name}: ${text}\n`),
    judged: some => some.forEach(({ identity, status }) => void known.set(identity, status)),
    lanes,
  });
  return mutants.map(mutant => ({ ...mutant, status: known.get(mutant.identity) }));
}

/** Needs of the test files that match. */
function needsOf(patterns) {
  const read = needsReader();
  // A named import would fail in a Node without it, before setup.mjs starts the script again in a newer one.
  return new Set(fs.globSync(patterns, { cwd: ROOT }).flatMap(file => read(join(ROOT, file))));
}

const COLUMNS = ["folder", "mutants", "killed", "timed out", "survived", "no coverage", "score", "95 %"];

/** @param total mutants of the folder, chosen or not */
function rowOf(name, mutants, total) {
  const count = status => mutants.filter(mutant => mutant.status === status).length;
  const hits = mutants.filter(({ status }) => CAUGHT.includes(status)).length;
  const percent = share => (share * 100).toFixed(1);
  const interval =
    mutants.length === total
      ? "all"
      : wilson(hits, mutants.length)
          .map(bound => percent(bound))
          .join(" to ");
  return [
    name,
    `${mutants.length} of ${total}`,
    count("Killed"),
    count("Timeout"),
    count("Survived"),
    count("NoCoverage"),
    percent(mutants.length === 0 ? 1 : hits / mutants.length),
    interval,
  ].map(String);
}

function print(rows) {
  const lines = [COLUMNS, ...rows];
  const widths = COLUMNS.map((_, i) => Math.max(...lines.map(cells => cells[i].length)));
  for (const cells of lines) process.stdout.write(`${cells.map((cell, i) => cell.padEnd(widths[i])).join("  ")}\n`);
}

const short = text => {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > 70 ? `${line.slice(0, 67)}...` : line;
};

/** One line a survivor: `file:line:column mutator replacement`. */
function printSurvivors(mutants) {
  const left = mutants.filter(({ status }) => !CAUGHT.includes(status));
  for (const { fileName, location, mutatorName, replacement, status, line } of left)
    process.stdout.write(
      `${pathOf(fileName, ROOT)}:${location.start.line + 1}:${location.start.column + 1} ${mutatorName} ${short(replacement)}${status === "NoCoverage" ? " (no coverage)" : ""}\n    ${short(line)}\n`,
    );
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      sample: { type: "string" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
      tests: { type: "string", multiple: true },
      lanes: { type: "string", default: "1" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help || positionals.length === 0) {
    process.stdout.write(HELP);
    return;
  }
  const unknown = positionals.filter(name => !Object.hasOwn(FOLDERS, name));
  if (unknown.length > 0)
    throw new Error(`no folder ${unknown.join(", ")}; there are ${Object.keys(FOLDERS).join(", ")}`);
  const size = values.sample === undefined ? Infinity : Number(values.sample);
  if (!(size >= 1)) throw new Error(`--sample is a number of mutants, not ${values.sample}`);
  const lanes = Number(values.lanes);
  if (!(Number.isSafeInteger(lanes) && lanes >= 1))
    throw new Error(`--lanes is a number of processes, not ${values.lanes}`);
  await ensurePackages();
  await ensureInstrumenter();
  const rows = [];
  const instrumenter = await openInstrumenter();
  for (const name of positionals) {
    const folder = FOLDERS[name];
    const files = sourcesOf(folder).filter(path => !values.only || path.includes(values.only));
    const all = await mutantsOf(instrumenter, files);
    const chosen = size < all.length ? sampleOf(all, size, values.seed) : all;
    const started = performance.now();
    const tests = values.tests ?? folder.tests;
    Object.assign(process.env, await setUpNeeds(needsOf(tests)));
    const judged = await statusesOf(instrumenter, name, chosen, tests, lanes);
    printSurvivors(judged);
    process.stdout.write(`${name}: ${((performance.now() - started) / 60_000).toFixed(1)} minutes\n`);
    rows.push(rowOf(name, judged, all.length));
  }
  print(rows);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`npm run mutate stopped: ${error.message}\n`);
  process.exitCode = 1;
}

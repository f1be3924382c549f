// `npm run mutate -- FOLDER…`: plants small faults in the sources of a folder, one at a time, and counts those that its tests notice.
// StrykerJS' instrumenter makes them; it is installed into `.cache/mutation` at the first use. tests/mutation/run-mutants.mjs runs the tests.
import fs, { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FOLDERS } from "../tests/mutation/folders.mjs";
import {
  digestOf,
  identified,
  isAbout,
  keyOf,
  pathOf,
  readKept,
  sampleOf,
  toKeep,
  wilson,
} from "../tests/mutation/mutants.mjs";
import { instrument, runMutants, UNDECIDED } from "../tests/mutation/run-mutants.mjs";
import { needsReader } from "../tests/run/graph.mjs";
import { ensurePackages, once, ROOT, run, step } from "./setup.mjs";
import { setUpNeeds } from "./test-needs.mjs";

const CACHE = join(ROOT, ".cache", "mutation");
const STRYKER = "10.1.1";
const ENOUGH = 0.85;
const CAUGHT = ["Killed", "Timeout"];

const HELP = `npm run mutate -- FOLDER… [--sample N] [--seed S] [--only TEXT] [--survivors]

Plants faults in the sources of a folder and counts those that its tests notice.
Exits with 1 below ${ENOUGH * 100} %.

  --sample N       N mutants of each folder, chosen by --seed (default all)
  --seed S         seed of the sample (default 1)
  --only TEXT      mutants of files whose path contains TEXT
  --tests PATTERN  other tests than those of the table; may be repeated
  --survivors      only those that no test failed for in the last run, time-outs among them; the others count as they did
  --keep           write what is judged into tests/mutation/judged, so that --more takes it over elsewhere
  --lanes N        N processes of tests at the same time (default 1)
  --more           only those that no run has judged, and that are not listed as equivalent. A run that is ended keeps what it has judged

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

/** A busy machine is slow as a loop without an end is. */
const FAILED = CAUGHT.filter(status => status !== "Timeout");

const resultsOf = name => join(CACHE, name, "results.json");
const keptOf = name => join(ROOT, "tests", "mutation", "judged", `${name}.json`);
const readJson = file => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {});

/** @returns statuses by identity: those of this machine's runs, and the kept ones of other machines' */
function readResults(name, mutants) {
  const kept = readKept(readJson(keptOf(name)));
  const known = mutants.map(({ identity }) => [identity, kept.get(digestOf(identity))]);
  return { ...Object.fromEntries(known.filter(([, status]) => status)), ...readJson(resultsOf(name)) };
}

/** @param mutants those of some files, or of all: other files keep what they have */
function keep(name, mutants) {
  const known = readResults(name, mutants);
  const judged = mutants.map(mutant => ({ ...mutant, status: known[mutant.identity] }));
  mkdirSync(join(keptOf(name), ".."), { recursive: true });
  writeFileSync(keptOf(name), `${JSON.stringify({ ...readJson(keptOf(name)), ...toKeep(judged) }, null, 2)}\n`);
}

/** Runs mutants, or takes over the status of those that a test failed for, or that were judged, before. */
async function runOrTakeOver(instrumenter, name, mutants, tests, { survivors, more, lanes, isListed, keepAll }) {
  const known = readResults(name, mutants);
  const isTakenOver = mutant => {
    const status = known[mutant.identity];
    if (more) return (status !== undefined && status !== UNDECIDED) || isListed(mutant);
    return survivors && FAILED.includes(status);
  };
  const left = mutants
    .filter(mutant => !isTakenOver(mutant))
    .map(mutant => ({ ...mutant, ...(more && { status: known[mutant.identity] }) }));
  const folder = join(CACHE, name);
  mkdirSync(folder, { recursive: true });
  const print = text => process.stdout.write(`${name}: ${text}\n`);
  const numbered = await instrument(instrumenter, left, join(folder, "instrumented"));
  const judged = some => {
    for (const { identity, status } of some) known[identity] = status;
    writeFileSync(resultsOf(name), JSON.stringify(known));
    keepAll();
  };
  await runMutants(folder, numbered, tests, { print, judged, lanes });
  return mutants.map(mutant => ({ ...mutant, status: known[mutant.identity] }));
}

/** Needs of the test files that match. */
function needsOf(patterns) {
  const read = needsReader();
  // A named import would fail in a Node without it, before setup.mjs starts the script again in a newer one.
  return new Set(fs.globSync(patterns, { cwd: ROOT }).flatMap(file => read(join(ROOT, file))));
}

const COLUMNS = ["folder", "mutants", "killed", "timed out", "survived", "no coverage", "equivalent", "score", "95 %"];

/** @param total mutants of the folder, chosen or not */
function rowOf(name, mutants, total) {
  const count = status => mutants.filter(mutant => mutant.status === status).length;
  const isExcused = ({ status, reason }) => reason !== undefined && !FAILED.includes(status);
  const excused = mutants.filter(isExcused).length;
  const hits = mutants.filter(mutant => CAUGHT.includes(mutant.status) && !isExcused(mutant)).length;
  const judged = mutants.length - excused;
  const percent = share => (share * 100).toFixed(1);
  const interval =
    mutants.length === total
      ? "all"
      : wilson(hits, judged)
          .map(bound => percent(bound))
          .join(" to ");
  return {
    share: judged === 0 ? 1 : hits / judged,
    cells: [
      name,
      `${mutants.length} of ${total}`,
      count("Killed"),
      count("Timeout"),
      count("Survived"),
      count("NoCoverage"),
      excused,
      percent(judged === 0 ? 1 : hits / judged),
      interval,
    ].map(String),
  };
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
  const left = mutants.filter(({ status, reason }) => !CAUGHT.includes(status) && !reason);
  for (const { fileName, location, mutatorName, replacement, status, line } of left)
    process.stdout.write(
      `${pathOf(fileName, ROOT)}:${location.start.line + 1}:${location.start.column + 1} ${mutatorName} ${short(replacement)}${status === "NoCoverage" ? " (no coverage)" : ""}\n    ${short(line)}\n`,
    );
}

/** @returns the mutants, those that are equivalent with the reason */
const judge = (mutants, entries) =>
  mutants.map(mutant => {
    const entry = entries.find(one => isAbout(one, mutant));
    if (entry && FAILED.includes(mutant.status))
      process.stdout.write(`not equivalent, a test notices it: ${keyOf(mutant)}\n`);
    return { ...mutant, reason: entry?.reason };
  });

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      sample: { type: "string" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
      tests: { type: "string", multiple: true },
      survivors: { type: "boolean", default: false },
      more: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
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
  const entries = JSON.parse(readFileSync(join(ROOT, "tests/mutation/equivalent.json"), "utf8"));
  const rows = [];
  const instrumenter = await openInstrumenter();
  for (const name of positionals) {
    const folder = FOLDERS[name];
    const files = sourcesOf(folder).filter(path => !values.only || path.includes(values.only));
    const all = await mutantsOf(instrumenter, files);
    const stale = entries.filter(entry => files.includes(entry.file) && !all.some(mutant => isAbout(entry, mutant)));
    for (const { file, line } of stale) process.stdout.write(`equivalent.json: no such mutant in ${file}: ${line}\n`);
    const chosen = size < all.length ? sampleOf(all, size, values.seed) : all;
    const started = performance.now();
    const tests = values.tests ?? folder.tests;
    Object.assign(process.env, await setUpNeeds(needsOf(tests)));
    const isListed = mutant => entries.some(entry => isAbout(entry, mutant));
    const keepAll = () => values.keep && keep(name, all);
    const ran = await runOrTakeOver(instrumenter, name, chosen, tests, { ...values, lanes, isListed, keepAll });
    keepAll();
    const judged = judge(ran, entries);
    printSurvivors(judged);
    process.stdout.write(`${name}: ${((performance.now() - started) / 60_000).toFixed(1)} minutes\n`);
    rows.push(rowOf(name, judged, all.length));
    if (stale.length > 0) process.exitCode = 1;
  }
  print(rows.map(({ cells }) => cells));
  if (rows.some(({ share }) => share < ENOUGH)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`npm run mutate stopped: ${error.message}\n`);
  process.exitCode = 1;
}

// `npm run mutate -- FOLDER…`: plants small faults in the sources of a folder, one at a time, and counts those that its tests notice.
// StrykerJS does it, in a sandbox under `.cache/mutation`. It is installed there at the first use, since it is larger than all other tools
// together.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FOLDERS } from "../tests/mutation/folders.mjs";
import { identified, isAbout, keyOf, pathOf, sampleOf, wilson } from "../tests/mutation/mutants.mjs";
import { compile, ensurePackages, once, ROOT, run, step } from "./setup.mjs";

const CACHE = join(ROOT, ".cache", "mutation");
// Vitest 5 joins the names of tests by ` > `, which Stryker's runner knows from 10.1 on: an older one runs no test inside a `describe`.
const STRYKER = "10.1.1";
const ENOUGH = 0.85;
/** Vitest fails a run also for an error outside of its tests, such as an unhandled rejection: Stryker calls that a `RuntimeError`. */
const CAUGHT = ["Killed", "Timeout", "RuntimeError"];

const HELP = `npm run mutate -- FOLDER… [--sample N] [--seed S] [--only TEXT] [--fresh]

Plants faults in the sources of a folder and counts those that its tests notice.
Exits with 1 below ${ENOUGH * 100} %.

  --sample N       N mutants of each folder, chosen by --seed (default all)
  --seed S         seed of the sample (default 1)
  --only TEXT      mutants of files whose path contains TEXT
  --tests PATTERN  other tests than those of the table; may be repeated
  --concurrency N  runners at a time (default 1)
  --survivors      only those that no test failed for in the last run, time-outs among them; the others count as they did
  --fresh          forget the results of earlier runs

Folders (tests/mutation/folders.mjs):
${Object.entries(FOLDERS)
  .map(([name, { time }]) => `  ${name.padEnd(12)} ${time}`)
  .join("\n")}
`;

/** Puts Stryker into `.cache/mutation`. Its runner finds vitest further up, in the tree's own packages. */
const ensureStryker = () =>
  once("stryker", STRYKER, () =>
    step(`Installing StrykerJS ${STRYKER}`, () => {
      mkdirSync(CACHE, { recursive: true });
      writeFileSync(join(CACHE, "package.json"), '{ "private": true }\n');
      const packages = ["core", "vitest-runner", "instrumenter", "api"];
      run(
        "npm",
        [
          ...["install", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", "--no-package-lock"],
          ...packages.map(name => `@stryker-mutator/${name}@${STRYKER}`),
        ],
        { cwd: CACHE },
      );
    }),
  );

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
async function mutantsOf(files) {
  const { Instrumenter } = await import(
    join(CACHE, "node_modules/@stryker-mutator/instrumenter/dist/src/instrumenter.js")
  );
  const silent = { debug() {}, info() {}, warn() {}, isDebugEnabled: () => false };
  const texts = new Map(files.map(file => [file, readFileSync(join(ROOT, file), "utf8")]));
  const inputs = [...texts].map(([name, content]) => ({ name, content, mutate: true }));
  const { mutants } = await new Instrumenter(silent).instrument(inputs, {
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

/** Stryker would take over results of mutants that were outside an earlier sample, and faults of the machine. */
function forgetUntested(path) {
  if (!existsSync(path)) return;
  const report = JSON.parse(readFileSync(path, "utf8"));
  for (const file of Object.values(report.files))
    file.mutants = file.mutants.filter(({ status }) => !["CompileError", "RuntimeError", "Timeout"].includes(status));
  writeFileSync(path, JSON.stringify(report));
}

const resultsOf = name => join(CACHE, name, "results.json");
const readResults = name => (existsSync(resultsOf(name)) ? JSON.parse(readFileSync(resultsOf(name), "utf8")) : {});

/** Runs mutants, or takes over the status of those that a test failed for before. */
async function runOrTakeOver(name, mutants, tests, { survivors, ...options }) {
  const known = options.fresh ? {} : readResults(name);
  const isKnown = ({ identity }) => survivors && FAILED.includes(known[identity]);
  const left = mutants.filter(mutant => !isKnown(mutant));
  const ran = left.length === 0 ? [] : await runFolder(name, left, tests, options);
  for (const { identity, status } of ran) known[identity] = status;
  writeFileSync(resultsOf(name), JSON.stringify(known));
  return mutants.map(mutant => ({ ...mutant, status: known[mutant.identity] }));
}

const show = (args, env) =>
  new Promise((done, failed) =>
    spawn(process.execPath, args, { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...env } })
      .on("error", failed)
      .on("exit", code => done(code ?? 1)),
  );

/** Runs the mutants of one folder. @returns them with their status */
async function runFolder(name, mutants, tests, { fresh, concurrency }) {
  const folder = join(CACHE, name);
  mkdirSync(folder, { recursive: true });
  const [incremental, report, sample] = ["incremental", "report", "sample"].map(file => join(folder, `${file}.json`));
  if (fresh) rmSync(incremental, { force: true });
  forgetUntested(incremental);
  writeFileSync(sample, JSON.stringify(mutants.map(keyOf)));
  const config = join(folder, "stryker.json");
  writeFileSync(
    config,
    JSON.stringify({
      mutate: [...new Set(mutants.map(({ fileName }) => pathOf(fileName, ROOT)))],
      testRunner: "vitest",
      plugins: [
        join(CACHE, "node_modules/@stryker-mutator/vitest-runner/dist/src/index.js"),
        join(ROOT, "tests/mutation/sample.mjs"),
      ],
      checkers: ["sample"],
      vitest: { configFile: "tests/mutation/vitest.config.ts", related: false },
      coverageAnalysis: "perTest",
      disableTypeChecks: false,
      concurrency,
      timeoutMS: 30_000,
      timeoutFactor: 2,
      dryRunTimeoutMinutes: 30,
      tempDirName: join(".cache", "mutation", name, "sandbox"),
      ignorePatterns: [".cache", "dist/**/*.d.ts", "lab", "docs", "deploy", "build/Debug"],
      incremental: true,
      incrementalFile: incremental,
      reporters: ["progress-append-only", "json"],
      jsonReporter: { fileName: report },
      allowConsoleColors: false,
      allowEmpty: false,
    }),
  );
  rmSync(report, { force: true });
  const stryker = join(CACHE, "node_modules/@stryker-mutator/core/bin/stryker.js");
  const env = {
    MERLON_SET_UP: "before",
    MERLON_MUTATION_TESTS: JSON.stringify(tests),
    MERLON_MUTATION_SAMPLE: sample,
  };
  const code = await show([stryker, "run", config], env);
  if (code !== 0 || !existsSync(report)) throw new Error(`Stryker ended with ${code} for ${name}`);
  return withStatus(mutants, JSON.parse(readFileSync(report, "utf8")));
}

/** Stryker's report counts lines and columns from 1. */
function withStatus(mutants, { files }) {
  const byKey = new Map();
  const fromZero = ({ line, column }) => ({ line: line - 1, column: column - 1 });
  for (const [fileName, { mutants: reported }] of Object.entries(files))
    for (const { location, mutatorName, replacement, status, statusReason, coveredBy, testsCompleted } of reported) {
      const { start, end } = location;
      if (status === "Survived" && testsCompleted < coveredBy?.length)
        throw new Error(
          `${testsCompleted} of ${coveredBy.length} tests ran for a mutant of ${fileName}:${start.line}; does Stryker ${STRYKER} select tests by the names that Vitest gives them?`,
        );
      const key = keyOf({
        ...{ fileName, mutatorName, replacement },
        location: { start: fromZero(start), end: fromZero(end) },
      });
      byKey.set(key, { status, statusReason });
    }
  return mutants.map(mutant => {
    const found = byKey.get(keyOf(mutant));
    if (!found) throw new Error(`Stryker's report has no mutant ${keyOf(mutant)}`);
    return { ...mutant, ...found };
  });
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
      count("Killed") + count("RuntimeError"),
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
      concurrency: { type: "string", default: "1" },
      survivors: { type: "boolean", default: false },
      fresh: { type: "boolean", default: false },
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
  await ensurePackages();
  await ensureStryker();
  await compile();
  const entries = JSON.parse(readFileSync(join(ROOT, "tests/mutation/equivalent.json"), "utf8"));
  const rows = [];
  for (const name of positionals) {
    const folder = FOLDERS[name];
    const files = sourcesOf(folder).filter(path => !values.only || path.includes(values.only));
    const all = await mutantsOf(files);
    const stale = entries.filter(entry => files.includes(entry.file) && !all.some(mutant => isAbout(entry, mutant)));
    for (const { file, line } of stale) process.stdout.write(`equivalent.json: no such mutant in ${file}: ${line}\n`);
    const chosen = size < all.length ? sampleOf(all, size, values.seed) : all;
    const started = performance.now();
    const options = { fresh: values.fresh, survivors: values.survivors, concurrency: Number(values.concurrency) };
    const judged = judge(await runOrTakeOver(name, chosen, values.tests ?? folder.tests, options), entries);
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

// `npm test`: sets everything up, then runs the suites and ends with one line `N passed, N failed`. `npm test -- --all` also runs files that take long
// (tests/run/long-files.mjs) and the scorecard, and `--apart` those with a run of their own. `npm test -- PATTERN… OPTION…` runs the files whose path contains a pattern, with vitest's options,
// and sets up what these files need (tests/needs). `--shuffle[=SEED]` runs files, and the tests of each, in random order; `--reverse` runs the tests of each
// file from its end.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { needsReader } from "../tests/run/graph.mjs";
import { isApart } from "../tests/run/long-files.mjs";
import { sharesProcess } from "../tests/run/shared-process.mjs";
import { chooseTests } from "./choose-tests.mjs";
import { gatesFor, runGate } from "./gates.mjs";
import { ordinaryUser } from "./ordinary-user.mjs";
import { ensurePackages, ensureStore, ROOT } from "./setup.mjs";
import { shuffled } from "./shuffled.mjs";
import { isLate, startNeeds, testFiles } from "./test-needs.mjs";
import { countsOf, failuresOf, hasFailed, lastLines, passingAlone } from "./test-results.mjs";

const WALLS = "tests/walls";
const SCORECARD = join(ROOT, "tests", "scorecard", "main.mjs");
const bin = path => join(ROOT, "node_modules", path);

/** Runs a command with its output on the terminal; resolves with the exit code. */
const show = (command, args, env = {}) =>
  new Promise(done =>
    spawn(command, args, { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...env } }).on("exit", (code, signal) =>
      done(code ?? (signal ? 1 : 0)),
    ),
  );

/** Runs Node with its output as it is written; resolves with whether it exits with 0. */
const showLive = async args => (await show(process.execPath, args)) === 0;

/**
 * Runs vitest.
 * @param run `(command, args, env)` → exit code
 * @returns `{ files, died }`: vitest's record of each file, and whether vitest ended with a failure that no file has
 */
async function runSuite(run, report, args, env) {
  const code = await run(
    process.execPath,
    [
      bin("vitest/vitest.mjs"),
      "run",
      "--passWithNoTests",
      "--reporter=default",
      "--reporter=json",
      "--reporter=./tests/run/skipped.ts",
      `--outputFile.json=${report}`,
      ...args,
    ],
    env,
  );
  const files = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")).testResults : [];
  // A process that dies takes its file's name with it: vitest says only that one did.
  for (const { name, assertionResults } of files) {
    const cut = assertionResults.find(({ status }) => status === "pending");
    if (cut) process.stdout.write(`\n✘ ${relative(ROOT, name)}: its process ended during \`${cut.fullName}\`\n`);
  }
  return { files, died: code !== 0 && !files.some(hasFailed) };
}

/** The tests of walls hold without root's rights, and run without them. */
async function asOrdinaryUser(args, env) {
  const user = ordinaryUser();
  try {
    // Vite's other loader writes into node_modules.
    process.stdout.write(`\n${WALLS} runs as ${user.name}\n`);
    const isOrdinary = user.name === "root" ? "0" : "1";
    return await runSuite(user.run, join(user.results, "vitest.json"), ["--configLoader", "runner", ...args], {
      ...env,
      MERLON_ORDINARY_USER: isOrdinary,
    });
  } finally {
    user.dispose();
  }
}

/** Counts of the whole run. */
const tally = { passed: 0, failures: 0, skipped: 0 };
const count = (passed, failures, skipped = 0) => {
  tally.passed += passed;
  tally.failures += failures;
  tally.skipped += skipped;
};
/** Failures, for the end of a long log. */
const listed = [];
/** A line before the counts. */
let last = "";
/** A whole tool counted as one test. */
function countGate(name, isGood) {
  process.stdout.write(`${isGood ? "✔" : "✘"} ${name}\n`);
  if (isGood) return count(1, 0);
  listed.push(`✘ ${name}`);
  count(0, 1);
}

async function runGates(lane) {
  for (const words of lane) {
    const { name, isGood } = await runGate(words);
    countGate(name, isGood);
  }
}

/** Short tests of the server's promises, which also hold for a server of two workers; `npm run test:reliability` has the others. */
const WITH_WORKERS = ["tensors", "restriction", "names-and-paths"].map(name => `tests/reliability/${name}.test.ts`);

/** Counted, and left out of the report: the same files are in it. */
async function runWithWorkers(env, run) {
  process.stdout.write("\nwith servers of two workers\n");
  const { files, died } = await run(WITH_WORKERS, { ...env, MERLON_TEST_WORKERS: "2" });
  for (const { passed, failures, skipped } of files.map(countsOf)) count(passed, failures, skipped);
  listed.push(...failuresOf(files).map(line => `✘ with two workers: ${line}`));
  if (died) count(0, 1);
}

/** Fewer files gain nothing from a process that they share. */
const SHARED_FROM = 10;

/**
 * Files of one run of vitest: those that share processes, those that need no download, and the others. Packages are downloaded meanwhile.
 * All that have a process of their own run together if the packages are there, and all run so in a random order.
 * @param suite `(files, environment, words of vitest)` → when they have run
 */
async function runInRounds(files, { isShuffled, needsOf, started, suite }) {
  const sharing = isShuffled ? [] : files.filter(file => sharesProcess(file, needsOf(file)));
  const shared = new Set(sharing.length < SHARED_FROM ? [] : sharing);
  const alone = files.filter(file => !shared.has(file));
  if (shared.size > 0) await suite([...shared], await started.early, ["--isolate=false"]);
  const all = started.all.then(() => true);
  const areHere = isShuffled ? all : Promise.race([all, new Promise(done => setImmediate(done, false))]);
  if (await areHere) return alone.length > 0 && suite(alone, await started.all);
  const isLateFile = file => isLate(needsOf(file));
  const [early, late] = [alone.filter(file => !isLateFile(file)), alone.filter(isLateFile)];
  if (early.length > 0) await suite(early, await started.early);
  if (late.length > 0) await suite(late, await started.all);
}

/** @returns a line about the files that wait */
function remark(left, needsOf, isAll) {
  const apart = left.filter(file => isApart(file, needsOf(file))).length;
  const runs = [
    ...(left.length > apart && !isAll
      ? [`npm test -- --all runs ${left.length - apart} more files, and the scorecard`]
      : []),
    ...(apart > 0 ? [`npm run test:apart runs ${apart} that take minutes each`] : []),
  ];
  return runs.length === 0 ? "" : `\n${runs.join("; ")}\n`;
}

async function main() {
  ensureStore();
  await ensurePackages();
  const read = needsReader();
  const needsOf = file => read(join(ROOT, file));
  const { files, options: words, isWhole, isAll, left } = chooseTests(process.argv.slice(2), testFiles(), needsOf);
  const options = shuffled(words);
  const needs = new Set(files.flatMap(needsOf));
  if (!isWhole)
    process.stdout.write(
      `${files.length} test file${files.length === 1 ? "" : "s"}; needs ${[...needs].join(", ") || "nothing but the packages"}\n`,
    );
  const started = startNeeds(needs);
  await started.early;
  if (isWhole) {
    process.stdout.write("checking format, promises and types\n");
    await Promise.all(gatesFor().map(runGates));
  }
  const report = join(ROOT, ".cache", "vitest.json");
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  const isWall = file => file.startsWith(`${WALLS}/`);
  // Whole paths: vitest takes a part of one, which other files may have too.
  const run = (chosen, env, words = []) => {
    rmSync(report, { force: true });
    const args = [...chosen.map(file => join(ROOT, file)), ...options];
    const whole = { ...env, MERLON_SET_UP: "before" };
    return isWall(chosen[0]) ? asOrdinaryUser(args, whole) : runSuite(show, report, [...words, ...args], whole);
  };
  const results = [];
  const suite = async (chosen, env, words) => {
    const { files: records, died } = await run(chosen, env, words);
    results.push(...records);
    if (!died) return;
    listed.push("✘ vitest ended with a failure of no test: see its messages above");
    count(0, 1);
  };
  const walls = files.filter(isWall);
  await runInRounds(
    files.filter(file => !isWall(file)),
    { isShuffled: options.some(option => option.startsWith("--sequence.shuffle")), needsOf, started, suite },
  );
  if (walls.length > 0) await suite(walls, await started.all);
  if (isWhole) await runWithWorkers(await started.all, run);
  const runAlone = async path => {
    process.stdout.write(`\n${relative(ROOT, path)} failed, and runs once more, alone\n`);
    return (await run([relative(ROOT, path)], await started.all)).files[0];
  };
  for (const { passed, failures, skipped } of results.map(countsOf)) count(passed, failures, skipped);
  const alone = isWhole ? await passingAlone(results, runAlone) : new Set();
  listed.push(...failuresOf(results, alone).map(line => `✘ ${line}`));
  writeFileSync(report, JSON.stringify({ testResults: results }));
  if (isAll) countGate("scorecard: quick tier", await showLive([SCORECARD, "--report", report]));
  last = remark(left, needsOf, isAll);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`\nnpm test stopped: ${error.message}\n`);
  count(0, 1);
}
const { passed, failures, skipped } = tally;
process.stdout.write(lastLines(listed));
process.stdout.write(last);
process.stdout.write(`\n${passed} passed, ${failures} failed${skipped ? `, ${skipped} skipped` : ""}\n`);
process.exitCode = failures === 0 ? 0 : 1;

// `npm test`: sets everything up, then runs every suite and ends with one line `N passed, N failed`. `npm test -- PATTERN… OPTION…` runs the
// files whose path contains a pattern, with vitest's options, and sets up what these files need (tests/needs). `--shuffle[=SEED]` runs files, and the
// tests of each, in random order.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { needsReader } from "../tests/run/graph.mjs";
import { sharesProcess } from "../tests/run/shared-process.mjs";
import { ordinaryUser } from "./ordinary-user.mjs";
import { ensurePackages, ROOT } from "./setup.mjs";
import { shuffled } from "./shuffled.mjs";
import { isLate, startNeeds, testFiles } from "./test-needs.mjs";

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

/** A whole tool counted as one test. */
async function gate(name, args) {
  const code = await show(process.execPath, args);
  process.stdout.write(`${code === 0 ? "✔" : "✘"} ${name}\n`);
  return code === 0;
}

/** Failures that the end of a run lists; all have their messages further up. */
const LISTED = 40;
const LONGEST_LINE = 300;

const hasFailed = ({ status }) => status === "failed";

/** @returns a line for each failed test: file, name and the first line of its message */
const failuresOf = files =>
  files.flatMap(({ name, message, assertionResults }) => {
    const path = relative(ROOT, name);
    const failed = assertionResults.filter(hasFailed);
    if (failed.length === 0 && message) return [`${path}: ${message}`];
    return failed.map(({ fullName, failureMessages }) => `${path}: ${oneLine(fullName)}: ${failureMessages[0] ?? ""}`);
  });
const firstLine = text => text.split("\n", 1)[0].slice(0, LONGEST_LINE);
const oneLine = text => text.replaceAll(/\s*\n\s*/g, " ");

/**
 * Runs vitest and counts.
 * @param run `(command, args, env)` → exit code
 * @returns `{ passed, failures, skipped, files }`; a process that dies is a failure of its own
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
  const {
    numPassedTests: passed = 0,
    numFailedTests: failed = 0,
    numPendingTests: skipped = 0,
    testResults: files = [],
  } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : { numFailedTests: 1 };
  // A process that dies takes its file's name with it: vitest says only that one did.
  for (const { name, assertionResults } of files) {
    const cut = assertionResults.find(({ status }) => status === "pending");
    if (cut) process.stdout.write(`\n✘ ${relative(ROOT, name)}: its process ended during \`${cut.fullName}\`\n`);
  }
  const broken = files.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some(hasFailed),
  ).length;
  return { passed, skipped, files, failures: Math.max(failed + broken, code === 0 ? 0 : 1) };
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

/** Words up to the first option choose files by their path; the rest is vitest's. */
function choose(words) {
  const first = words.findIndex(word => word.startsWith("-"));
  const [patterns, options] = first < 0 ? [words, []] : [words.slice(0, first), words.slice(first)];
  const all = testFiles();
  const files = patterns.length === 0 ? all : all.filter(file => patterns.some(pattern => file.includes(pattern)));
  if (files.length === 0) throw new Error(`no test file's path contains ${patterns.join(" or ")}`);
  return { files, options: shuffled(options), isWhole: words.every(word => word.startsWith("--shuffle")) };
}

/** Counts of the whole run. */
const tally = { passed: 0, failures: 0, skipped: 0 };
const listed = [];
const count = (passed, failures, skipped = 0) => {
  tally.passed += passed;
  tally.failures += failures;
  tally.skipped += skipped;
};
async function countGate(name, args) {
  if (await gate(name, args)) return count(1, 0);
  listed.push(name);
  count(0, 1);
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

async function main() {
  await ensurePackages();
  const { files, options, isWhole } = choose(process.argv.slice(2));
  const read = needsReader();
  const needsOf = file => read(join(ROOT, file));
  const needs = new Set(files.flatMap(needsOf));
  if (!isWhole)
    process.stdout.write(
      `${files.length} test file${files.length === 1 ? "" : "s"}; needs ${[...needs].join(", ") || "nothing but the packages"}\n`,
    );
  const started = startNeeds(needs);
  await started.early;
  if (isWhole) {
    await countGate("biome: format and lint", [bin("@biomejs/biome/bin/biome"), "check"]);
    await countGate("oxlint: promises that nobody waits for", [bin("oxlint/bin/oxlint"), "--type-aware"]);
    await countGate("tests: types", [join(ROOT, "scripts", "check-tests.mjs")]);
    await countGate("tstyche: types and their sentences", [bin("tstyche/dist/bin.js")]);
  }
  const report = join(ROOT, ".cache", "vitest.json");
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  const results = [];
  const suite = run => async (chosen, env, words) => {
    rmSync(report, { force: true });
    const { passed, failures, skipped, files } = await run(chosen, { ...env, MERLON_SET_UP: "before" }, words);
    count(passed, failures, skipped);
    results.push(...files);
  };
  const walls = files.filter(file => file.startsWith(`${WALLS}/`));
  const others = files.filter(file => !file.startsWith(`${WALLS}/`));
  // Whole paths: vitest takes a part of one, which other files may have too.
  const pathsOf = chosen => chosen.map(file => join(ROOT, file));
  await runInRounds(others, {
    isShuffled: options.some(option => option.startsWith("--sequence.shuffle")),
    needsOf,
    started,
    suite: suite((chosen, env, words = []) => runSuite(show, report, [...words, ...pathsOf(chosen), ...options], env)),
  });
  if (walls.length > 0)
    await suite((chosen, env) => asOrdinaryUser([...pathsOf(chosen), ...options], env))(walls, await started.all);
  listed.push(...failuresOf(results));
  writeFileSync(report, JSON.stringify({ testResults: results }));
  if (isWhole) await countGate("scorecard: quick tier", [SCORECARD, "--report", report]);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`\nnpm test stopped: ${error.message}\n`);
  count(0, 1);
}
const { passed, failures, skipped } = tally;
// A long log is read from its end.
for (const text of listed.slice(0, LISTED)) process.stdout.write(`✘ ${firstLine(text)}\n`);
if (listed.length > LISTED) process.stdout.write(`✘ and ${listed.length - LISTED} more\n`);
process.stdout.write(`\n${passed} passed, ${failures} failed${skipped ? `, ${skipped} skipped` : ""}\n`);
process.exitCode = failures === 0 ? 0 : 1;

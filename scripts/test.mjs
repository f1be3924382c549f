// `npm test`: sets everything up, then runs every suite and ends with one line `N passed, N failed`. `npm test -- PATTERN… OPTION…` runs the
// files whose path contains a pattern, with vitest's options, and sets up what these files need (tests/needs). `--shuffle[=SEED]` runs files, and the
// tests of each, in random order.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { needsReader } from "../tests/run/graph.mjs";
import { ordinaryUser } from "./ordinary-user.mjs";
import { ensurePackages, ROOT } from "./setup.mjs";
import { shuffled } from "./shuffled.mjs";
import { setUpNeeds, testFiles } from "./test-needs.mjs";

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
    numFailedTestSuites: broken = 0,
    numPendingTests: skipped = 0,
    testResults: files = [],
  } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : { numFailedTests: 1 };
  // A process that dies takes its file's name with it: vitest says only that one did.
  for (const { name, assertionResults } of files) {
    const cut = assertionResults.find(({ status }) => status === "pending");
    if (cut) process.stdout.write(`\n✘ ${relative(ROOT, name)}: its process ended during \`${cut.fullName}\`\n`);
  }
  return { passed, skipped, files, failures: failed + (code !== 0 && failed === 0 ? Math.max(1, broken) : 0) };
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

try {
  await ensurePackages();
  const { files, options, isWhole } = choose(process.argv.slice(2));
  const read = needsReader();
  const needs = new Set(files.flatMap(file => read(join(ROOT, file))));
  if (!isWhole)
    process.stdout.write(
      `${files.length} test file${files.length === 1 ? "" : "s"}; needs ${[...needs].join(", ") || "nothing but the packages"}\n`,
    );
  const env = { ...(await setUpNeeds(needs)), MERLON_SET_UP: "before" };
  const report = join(ROOT, ".cache", "vitest.json");
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  rmSync(report, { force: true });
  const gates = isWhole
    ? [
        await gate("biome: format and lint", [bin("@biomejs/biome/bin/biome"), "check"]),
        await gate("oxlint: promises that nobody waits for", [bin("oxlint/bin/oxlint"), "--type-aware"]),
        await gate("tstyche: types and their sentences", [bin("tstyche/dist/bin.js")]),
      ]
    : [];
  const walls = files.filter(file => file.startsWith(`${WALLS}/`));
  const others = files.filter(file => !file.startsWith(`${WALLS}/`));
  const suites = [];
  if (others.length > 0)
    suites.push(await runSuite(show, report, [...(isWhole ? ["--exclude", `${WALLS}/**`] : others), ...options], env));
  if (walls.length > 0) suites.push(await asOrdinaryUser([...(isWhole ? [] : walls), ...options], env));
  if (isWhole) {
    writeFileSync(report, JSON.stringify({ testResults: suites.flatMap(({ files }) => files) }));
    gates.push(await gate("scorecard: quick tier", [SCORECARD, "--report", report]));
  }
  const sum = key => suites.reduce((total, suite) => total + suite[key], 0);
  const failures = sum("failures") + gates.filter(ok => !ok).length;
  const skipped = sum("skipped");
  process.stdout.write(
    `\n${sum("passed") + gates.filter(Boolean).length} passed, ${failures} failed${skipped ? `, ${skipped} skipped` : ""}\n`,
  );
  process.exitCode = failures === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`\nnpm test stopped: ${error.message}\n`);
  process.stdout.write("\n0 passed, 1 failed\n");
  process.exitCode = 1;
}

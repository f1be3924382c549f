// `npm run dev`: on every change of a source, type errors and the tests that the change may affect, on one screen. Ctrl-C ends it.
import { spawn } from "node:child_process";
import { mkdirSync, watch } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { ensurePackages, newestSource, noteWatched, ROOT, SOURCES, TSC } from "./setup.mjs";

const HELP = `npm run dev [-- PATTERN]

Watches the sources. After each change it prints type errors, and runs the tests
that the change affects (with PATTERN, only those whose path contains it).
It starts with the tests that your uncommitted changes affect.

  Ctrl-C     ends it
  --help     print this
`;
/** Milliseconds without a change before a round begins: editors and `git` write several files at once. */
const SETTLE = 100;

const words = process.argv.slice(2);
if (words.includes("--help")) {
  process.stdout.write(HELP);
  process.exit(0);
}

const children = new Set();
let isEnding = false;

/** Ends every process that this one started, then this one. */
function end(code) {
  if (isEnding) return;
  isEnding = true;
  process.exitCode = code;
  for (const child of children) child.kill("SIGTERM");
  // A child that does not end by itself is stopped; then nothing keeps this process.
  setTimeout(() => {
    for (const child of children) child.kill("SIGKILL");
  }, 3000).unref();
}

function start(args, options) {
  const child = spawn(process.execPath, args, { cwd: ROOT, ...options });
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

/** Compiles once; notes what it compiled, so that tests need not. */
async function compileRound() {
  const due = newestSource();
  const began = performance.now();
  const child = start([TSC, "-b", "--pretty"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", text => {
    said += text;
  });
  const code = await new Promise(done => child.on("close", done));
  if (isEnding) return;
  const errors = stripVTControlCharacters(said).match(/ error TS\d+:/g)?.length ?? 0;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(said.trim() && `${said.trim()}\n`);
  process.stdout.write(`${code ? "✘" : "✔"} types: ${errors} error${errors === 1 ? "" : "s"}  ${seconds} s\n`);
  noteWatched(due);
}

/**
 * `tsc -b` after each change of a source, one round at a time. Not `--watch`: that of TypeScript 7.0.2 misses the first change after a start
 * with nothing to compile.
 */
function watchTypes() {
  let isCompiling = false;
  let isDue = false;
  let settling;
  const compileIfDue = async () => {
    if (isCompiling || isEnding) return;
    isCompiling = true;
    while (isDue && !isEnding) {
      isDue = false;
      await compileRound();
    }
    isCompiling = false;
  };
  const changed = (_, name) => {
    if (name && !/\.(c?ts|json)$/.test(name)) return;
    isDue = true;
    clearTimeout(settling);
    settling = setTimeout(compileIfDue, SETTLE);
  };
  for (const folder of SOURCES) watch(join(ROOT, folder), { recursive: true, persistent: false }, changed);
  changed();
}

/** vitest in watch mode, on what changed. It clears the screen when it runs tests, and has its keys. */
function watchTests() {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const child = start([vitest, "watch", "--changed", "--reporter=dot", ...words], {
    stdio: [process.stdin.isTTY ? "inherit" : "ignore", "inherit", "inherit"],
    env: { ...process.env, MERLON_SET_UP: "watched" },
  });
  child.on("exit", code => {
    if (isEnding) return;
    // `q` ends vitest.
    if (code !== 0) process.stderr.write(`vitest ended by itself (${code}).\n`);
    end(code === 0 ? 0 : 1);
  });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(0));
try {
  await ensurePackages();
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  process.stdout.write("Watching. Ctrl-C ends.\n");
  watchTypes();
  watchTests();
} catch (error) {
  process.stderr.write(`\nnpm run dev stopped: ${error.message}\n`);
  process.exitCode = 1;
}

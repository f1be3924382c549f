// `npm run dev`: on every change of a source, type errors and the tests that the change may affect, on one screen. Ctrl-C ends it.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ensurePackages, newestSource, noteWatched, ROOT } from "./setup.mjs";

const HELP = `npm run dev [-- PATTERN]

Watches the sources. After each change it prints type errors, and runs the tests
that the change affects (with PATTERN, only those whose path contains it).
It starts with the tests that your uncommitted changes affect.

  Ctrl-C     ends it
  --help     print this
`;
/** tsc's own words, which it repeats on each round. */
const BEGIN = /Starting (?:compilation|incremental)|File change detected/;
const END = /Found (\d+) errors?\. Watching for file changes/;

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

function start(name, args, options) {
  const child = spawn(process.execPath, args, { cwd: ROOT, ...options });
  children.add(child);
  child.on("exit", code => {
    children.delete(child);
    if (isEnding) return;
    // `q` ends vitest.
    if (code !== 0) process.stderr.write(`${name} ended by itself (${code}).\n`);
    end(code === 0 ? 0 : 1);
  });
  return child;
}

/** `tsc -b --watch`, of whose words only the errors and a summary are shown; notes what it compiled, so that tests need not. */
function watchTypes() {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const child = start("tsc", [tsc, "-b", "--watch", "--preserveWatchOutput", "--pretty"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let due = newestSource();
  let began = performance.now();
  let found = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", text => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const done = END.exec(line);
      if (done) {
        const seconds = ((performance.now() - began) / 1000).toFixed(1);
        const errors = Number(done[1]);
        if (errors > 0) process.stdout.write(`${found.join("\n").trim()}\n`);
        process.stdout.write(`${errors ? "✘" : "✔"} types: ${errors} error${errors === 1 ? "" : "s"}  ${seconds} s\n`);
        noteWatched(due);
      } else if (BEGIN.test(line)) {
        due = newestSource();
        began = performance.now();
        found = [];
      } else found.push(line);
    }
  });
}

/** vitest in watch mode, on what changed. It clears the screen when it runs tests, and has its keys. */
function watchTests() {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  start("vitest", [vitest, "watch", "--changed", "--reporter=dot", ...words], {
    stdio: [process.stdin.isTTY ? "inherit" : "ignore", "inherit", "inherit"],
    env: { ...process.env, MERLON_SET_UP: "watched" },
  });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(0));
try {
  await ensurePackages();
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  process.stdout.write("Watching. The first round of types takes about a minute; Ctrl-C ends.\n");
  watchTypes();
  watchTests();
} catch (error) {
  process.stderr.write(`\nnpm run dev stopped: ${error.message}\n`);
  process.exitCode = 1;
}

// `npm run test:shuffled -- [--short] [RUNS]`: runs the tests in random order several times, each with a seed of its own. A test that fails in one order and
// passes in another depends on a test before it; `npm test -- PATTERN --shuffle=SEED` repeats the order.
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import "./own-node.mjs";
import { SHORT } from "./short-tests.mjs";

const HELP = `usage: npm run test:shuffled -- [--short] [--seed SEED] [RUNS]
  RUNS         number of runs (default 3; with --short 30)
  --short      protocols, kernels, native parts and programs only
  --seed SEED  seed of the first run; the next have the numbers that follow (default random)
`;

/** @returns a whole number of at least `least` */
function wholeNumber(text, what, least) {
  const value = Number(text);
  if (!(Number.isSafeInteger(value) && value >= least))
    throw new Error(`${what} is a number from ${least} on, not ${text}`);
  return value;
}

/** @returns exit code of `npm test` with these words */
const runTests = words =>
  new Promise((done, failed) =>
    spawn(process.execPath, ["scripts/test.mjs", ...words], { stdio: "inherit" })
      .on("error", failed)
      .on("exit", code => done(code ?? 1)),
  );

try {
  const { values, positionals } = parseArgs({
    options: {
      short: { type: "boolean", default: false },
      seed: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
    allowPositionals: true,
  });
  if (values.help) process.stdout.write(HELP);
  else {
    const runs = wholeNumber(positionals[0] ?? (values.short ? 30 : 3), "RUNS", 1);
    const first = wholeNumber(values.seed ?? randomInt(2 ** 31), "--seed", 0);
    process.exitCode = await testAll(
      Array.from({ length: runs }, (_, i) => first + i),
      values.short ? SHORT : ["--all"],
    );
  }
} catch (error) {
  process.stderr.write(`npm run test:shuffled stopped: ${error.message}\n`);
  process.exitCode = 1;
}

async function testAll(seeds, patterns) {
  const failed = [];
  for (const [i, seed] of seeds.entries()) {
    process.stdout.write(`\nrun ${i + 1} of ${seeds.length}\n`);
    if ((await runTests([...patterns, `--shuffle=${seed}`])) !== 0) failed.push(seed);
  }
  process.stdout.write(`\n${seeds.length - failed.length} of ${seeds.length} runs passed\n`);
  for (const seed of failed) process.stdout.write(`✘ --shuffle=${seed}\n`);
  return failed.length === 0 ? 0 : 1;
}

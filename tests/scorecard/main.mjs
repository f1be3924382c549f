// The scorecard: `npm run scorecard`. Runs a line for each promise of reliability, and prints figure, bar and verdict of each; ends with 1 when a line fails.
import "../../scripts/own-node.mjs";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { LINES as ATTACKS } from "./lines/attacks.mjs";
import { LINES as DEPENDENCIES } from "./lines/dependencies.mjs";
import { LINES as KILLS } from "./lines/kills.mjs";
import { LINES as SERVED } from "./lines/served.mjs";
import { LINES as SOAKS } from "./lines/soaks.mjs";
import { LINES as SUITES } from "./lines/suites.mjs";
import { table } from "./support/table.mjs";
import { testRuns } from "./support/tests.mjs";

const HELP = `usage: npm run scorecard -- [options]
  --full          the long form, about an hour
  --only LINES    comma-separated, as S26,S27 (all)
  --seed N        of what is drawn (1)
  --report FILE   vitest's JSON of a run that has just ended
  --json FILE     also write the results there
example: npm run scorecard -- --only S26,S27,S28`;

const number = ({ id }) => Number(id.slice(1));
const LINES = [SUITES, SOAKS, KILLS, SERVED, ATTACKS, DEPENDENCIES].flat().sort((a, b) => number(a) - number(b));

const { values } = parseArgs({
  options: {
    full: { type: "boolean", default: false },
    only: { type: "string" },
    seed: { type: "string", default: "1" },
    report: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

/** One line's result; an instrument that breaks is a failure. */
async function judge(line, context) {
  const started = performance.now();
  const run = () =>
    Promise.resolve()
      .then(() => (context.isFull ? line.full(context) : line.quick(context)))
      .catch(error => ({ figure: "not measured", pass: false, note: error.message.slice(0, 500) }));
  let result = await run();
  // The quick tier may share its machine: what depends on time is measured once more.
  if (line.isTimed && !context.isFull && result.pass === false) result = await run();
  const seconds = (performance.now() - started) / 1000;
  return { id: line.id, title: line.title, bar: line.bar, ...result, seconds };
}

async function main() {
  const only = values.only?.split(",");
  const chosen = LINES.filter(({ id }) => !only || only.includes(id));
  if (chosen.length === 0) throw new Error(`no line is named ${values.only}; there are S1 to S28`);
  const isTerminal = process.stdout.isTTY;
  const context = {
    isFull: values.full,
    seed: Number(values.seed),
    tests: testRuns(values.report),
    progress: text => isTerminal && process.stdout.write(`\r\x1b[K  ${text}`),
  };
  const started = performance.now();
  const results = [];
  for (const [i, line] of chosen.entries()) {
    context.progress(`${i + 1} of ${chosen.length}: ${line.id} ${line.title}`);
    const result = await judge(line, context);
    results.push(result);
    const mark = result.pass === undefined ? "–" : result.pass ? "✔" : "✘";
    process.stdout.write(
      `${isTerminal ? "\r\x1b[K" : ""}${mark} ${line.id} ${line.title}  ${result.seconds.toFixed(1)} s\n`,
    );
  }
  process.stdout.write(`\n${table(results)}\n`);
  const failed = results.filter(({ pass }) => pass === false);
  const open = results.filter(({ pass }) => pass === undefined);
  const minutes = (performance.now() - started) / 60_000;
  process.stdout.write(
    `scorecard (${values.full ? "full" : "quick"} tier, seed ${values.seed}): ${results.length - failed.length - open.length} lines hold, ${failed.length} fail, ${open.length} not yet judged; ${minutes.toFixed(1)} minutes\n`,
  );
  if (values.json) writeFileSync(values.json, JSON.stringify(results, null, 2));
  process.exit(failed.length > 0 ? 1 : 0);
}

if (values.help) process.stdout.write(`${HELP}\n`);
else await main();

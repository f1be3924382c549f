/**
 * `npm run conformance -- [--filter TEXT] [--target HOST:GRPC,HTTP,METRICS | --triton FOLDER] [--update-known] [--report] [--verbose]`: equal and different by
 * group. Ends with 1 when an answer differs that no reason explains.
 */
import { writeFileSync } from "node:fs";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { readKnown, surprises, updateKnown } from "./known.js";
import { answerable, realTriton } from "./real-triton.js";
import { reasonsOf } from "./real-triton-reasons.js";
import { PROTOCOL_DATA, readGroups } from "./records.js";
import { type GroupResult, printReport } from "./report.js";
import { ROOT } from "./root.js";
import { runFresh } from "./run-group.js";
import { startServer, type Target } from "./target.js";

const HELP = `Plays recorded requests to a server and compares its answers with those of a real Triton, group by group.

  npm run conformance -- [OPTIONS]

  --filter TEXT       groups whose name contains it
  --target HOST:GRPC[,HTTP[,METRICS]]   a server that runs, with a group's repository and flags (one group: see --filter)
  --triton FOLDER     a real Triton that is started for each group: a built one, or a Python environment with nvidia-pytriton
  --workers N         servers of N processes
  --verbose           differences with a known reason too
  --report            writes tests/conformance/report.md
  --update-known      writes today's differences to the list of known ones

  npm run conformance -- --filter http-infer --verbose
`;

const { values: flags } = readFlags({
  options: {
    help: { type: "boolean", short: "h", default: false },
    filter: { type: "string", default: "" },
    target: { type: "string" },
    triton: { type: "string" },
    workers: { type: "string" },
    "update-known": { type: "boolean", default: false },
    report: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});

if (flags.help) {
  process.stdout.write(HELP);
  process.exit();
}
const workers = Number(flags.workers ?? 1);
if (workers > 1 && flags["update-known"]) {
  process.stderr.write(
    "--update-known is of one process: list differences of workers in known-with-workers.json by hand\n",
  );
  process.exit(2);
}
let known = readKnown(workers);
const results: GroupResult[] = [];
const { triton } = flags;
const startOwn = (group: Parameters<typeof startServer>[0]): Promise<Target> => startServer(group, workers);
const start = flags.target ? async () => running(flags.target!) : triton ? realTriton(triton) : startOwn;
for (const whole of readGroups(flags.filter)) {
  const group = triton ? answerable(whole, triton) : whole;
  if (group.records.length === 0) continue;
  const outcomes = await runFresh(group, start);
  results.push({ name: group.name, outcomes });
  const different = outcomes.filter(({ differences }) => differences.length > 0);
  process.stdout.write(
    `${group.name.padEnd(26)} ${String(outcomes.length - different.length).padStart(4)} equal ${String(different.length).padStart(4)} different\n`,
  );
  const shown = triton
    ? different.filter(({ differences }) => !reasonsOf(differences))
    : surprises(outcomes, known).fresh;
  for (const { id, note, differences } of flags.verbose ? different : shown)
    process.stdout.write(`  ${id} (${note})\n${differences.map(text => `      ${text.slice(0, 700)}\n`).join("")}`);
}
const outcomes = results.flatMap(result => result.outcomes);
if (flags["update-known"]) known = updateKnown(outcomes, known);
if (flags.report) writeFileSync(new URL("tests/conformance/report.md", ROOT), printReport(results, known));
if (triton) {
  const reasons = outcomes.flatMap(({ differences }) => [...(reasonsOf(differences) ?? [])]);
  for (const reason of new Set(reasons))
    process.stdout.write(`${String(reasons.filter(one => one === reason).length).padStart(5)} different: ${reason}\n`);
}
const { fresh: unlisted, gone } = surprises(outcomes, triton ? new Map() : known);
const fresh = triton ? unlisted.filter(({ differences }) => !reasonsOf(differences)) : unlisted;
const equal = outcomes.filter(({ differences }) => differences.length === 0).length;
process.stdout.write(`${equal} of ${outcomes.length} equal; ${fresh.length} differences without a reason\n`);
if (gone.length > 0) process.stdout.write(`equal by now, take them off the list: ${gone.join(" ")}\n`);
process.exitCode = fresh.length > 0 ? 1 : 0;

/** Says what is wrong with the command line in one sentence. */
function readFlags<const T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nnpm run conformance -- --help shows the options.\n`);
    process.exit(2);
  }
}

/** `HOST:GRPC,HTTP,METRICS` → a server that someone else started with the group's repository and flags. */
function running(address: string): Target {
  const [, host, grpc, http, metrics] = /^(.+):(\d+)(?:,(\d+))?(?:,(\d+))?$/.exec(address) ?? [];
  if (!host) throw new Error(`--target ${address}: write HOST:GRPC_PORT,HTTP_PORT,METRICS_PORT`);
  return {
    host,
    grpc: Number(grpc),
    http: Number(http ?? 8000),
    metrics: Number(metrics ?? 8002),
    repository: PROTOCOL_DATA.pathname,
    isReal: true,
    stop: async () => {},
  };
}

// Searches for the costliest request: `npm run fuzz:cost`. Ends with 1 when one costs the server more CPU time or memory than its size allows.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startMeasured } from "../scorecard/support/server-process.mjs";
import { perKb } from "./cost/budget.mjs";
import { climb } from "./cost/climb.mjs";
import { boundsOf } from "./cost/genes.mjs";
import * as grpc from "./cost/grpc-shapes.mjs";
import * as http from "./cost/http-shapes.mjs";
import { costMeter } from "./cost/measure.mjs";

const SEEDS = fileURLToPath(new URL("./cost/seeds/", import.meta.url));
const HELP = `usage: npm run fuzz:cost -- [options]
  --requests N      requests for each protocol (20000)
  --minutes N       end after this time (no end)
  --protocol NAME   http or grpc (both)
  --largest KB      of a request on the wire; unpacked, four times as much (256)
  --seed N          of what is drawn (1)
  --save            keep the worst request of each kind over its budget in tests/fuzz/cost/seeds
example: npm run fuzz:cost -- --requests 1000000 --protocol http`;

const SHAPES = { http, grpc };

/** Requests that were over their budget once. */
export function readSeeds(protocol) {
  try {
    return readdirSync(SEEDS)
      .filter(name => name.startsWith(protocol))
      .map(name => JSON.parse(readFileSync(SEEDS + name, "utf8")));
  } catch {
    return [];
  }
}

/**
 * Runs the fuzzer on a server of its own.
 * @param options of `climb`; `server` of `startMeasured`
 * @returns the report of `climb`, with `ended` if the server did
 */
export async function fuzzCost(protocol, options) {
  const server = await startMeasured(options.server);
  try {
    const meter = await costMeter(server, protocol);
    const report = await climb(SHAPES[protocol], meter, { seeds: readSeeds(protocol), ...options });
    meter.close();
    return { ...report, ended: server.ended() };
  } finally {
    await server.stop();
  }
}

export function describe(entry, kind) {
  if (!entry) return "none";
  const { ms, mb } = perKb(entry, entry.charged, entry.requests);
  const cost =
    kind === "cpu"
      ? `${(entry.micros / 1000).toFixed(2)} ms (${ms.toFixed(4)} ms/KB beyond the fixed part)`
      : `${entry.grownMb.toFixed(2)} MB (${mb.toFixed(4)} MB/KB beyond the fixed part)`;
  return `${cost} of ${(entry.charged / 1024).toFixed(1)} KB (${(entry.wire / 1024).toFixed(1)} KB on the wire), ${entry.ratio.toFixed(2)} of the budget`;
}

async function main() {
  const { values } = parseArgs({
    options: {
      requests: { type: "string", default: "20000" },
      minutes: { type: "string" },
      protocol: { type: "string" },
      largest: { type: "string", default: "256" },
      seed: { type: "string", default: "1" },
      save: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(`${HELP}\n`);
  for (const protocol of values.protocol ? [values.protocol] : Object.keys(SHAPES)) {
    const report = await fuzzCost(protocol, {
      requests: Number(values.requests),
      seed: Number(values.seed),
      bounds: boundsOf(Number(values.largest)),
      ...(values.minutes && { until: Date.now() + Number(values.minutes) * 60_000 }),
      onProgress({ sent, alone, worst, violations }) {
        const at = kind => (worst[kind]?.ratio ?? 0).toFixed(2);
        process.stdout.write(
          `${protocol} ${sent} (${alone} alone): worst CPU ${at("cpu")}, memory ${at("memory")} of the budget; ${violations} kinds over it\n`,
        );
      },
    });
    const rate = report.sent / report.seconds;
    process.stdout.write(
      `${protocol}: ${report.sent} requests (${report.alone} measured alone) in ${report.seconds.toFixed(0)} s, ${rate.toFixed(0)} a second (1,000,000 take ${(1e6 / rate / 60).toFixed(0)} minutes), seed ${values.seed}\n` +
        `  CPU: ${describe(report.worst.cpu, "cpu")}\n  memory: ${describe(report.worst.memory, "memory")}\n` +
        `  ${report.violations.length} kinds of requests over their budget, ${report.unanswered} not answered${report.ended ? `; the server ended: ${report.ended}` : ""}\n`,
    );
    for (const one of report.violations.slice(0, 10))
      process.stdout.write(`  ${one.kind}: ${describe(one, one.kind)}\n    ${JSON.stringify(one.genome)}\n`);
    if (values.save && report.violations.length > 0) {
      mkdirSync(SEEDS, { recursive: true });
      for (const [i, { genome }] of report.violations.slice(0, 10).entries())
        writeFileSync(`${SEEDS}${protocol}-${values.seed}-${i}.json`, `${JSON.stringify(genome)}\n`);
    }
    if (report.violations.length > 0 || report.ended) process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();

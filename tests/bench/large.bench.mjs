// Rate, latency and CPU time of tensors from 64 bytes to 16 MB over gRPC. They run through an identity in JavaScript, three of them as an ensemble,
// and the native identity. `--beside FOLDER` adds another build, whose `dist` is served. Python's back end on Triton 2.51 is added if
// MERLON_BENCH_TRITON names a virtual environment with nvidia-pytriton 0.7.0 and numpy. Rounds alternate: `node tests/bench/large.bench.mjs --help`.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../../scripts/demo/terminal.mjs";
import { answerBytes, load, requireH2load } from "./server/load.mjs";
import { grpcBody, sizedRepositories } from "./server/models.mjs";
import { residentMegabytes, startMerlon, startTriton } from "./server/processes.mjs";

const HELP = `usage: node tests/bench/large.bench.mjs [options]
  --sizes L       bytes of a tensor, comma-separated (64,4096,65536,1048576,16777216)
  --models L      of scripted, three_scripts, identity (scripted)
  --in-flight L   comma-separated (1,8)
  --rounds N      alternating rounds, whose median is shown (3)
  --seconds N     of load in each round (2)
  --beside FOLDER a built tree to alternate with
  --cpu-prof DIR  Merlon writes a CPU profile there
example: MERLON_BENCH_TRITON=ENV node tests/bench/large.bench.mjs --sizes 1048576 --models scripted,three_scripts`;

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "64,4096,65536,1048576,16777216" },
    models: { type: "string", default: "scripted" },
    "in-flight": { type: "string", default: "1,8" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "2" },
    beside: { type: "string" },
    "cpu-prof": { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const numbers = text => text.split(",").map(Number);
const median = list => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const PATH = "/inference.GRPCInferenceService/ModelInfer";
const HEADERS = { "content-type": "application/grpc", te: "trailers" };

/** Rounds of one model at one size and level: a row for each server, compared with Merlon. */
async function measure({ model, size, inFlight, servers, scratch }) {
  const body = join(scratch, "request.body");
  const name = `${model}_${size}`;
  writeFileSync(body, grpcBody(name, ["INPUT0"], size / 4));
  const target = server => ({ url: `http://127.0.0.1:${server.grpc}${PATH}`, body, headers: HEADERS, http1: false });
  const serving = servers.filter(server => server.models.includes(model));
  const results = new Map(serving.map(server => [server, []]));
  const least = new Map();
  const run = (server, seconds) =>
    load(target(server), server.pid, { inFlight, seconds, scratch, least: least.get(server) });
  for (const server of serving) {
    least.set(server, await answerBytes(target(server)));
    await run(server, 1);
  }
  for (let round = 0; round < Number(values.rounds); round++)
    for (const server of round % 2 ? serving.toReversed() : serving)
      results.get(server).push(await run(server, Number(values.seconds)));
  const middle = (server, key) => median(results.get(server).map(one => one[key]));
  const [ours] = serving;
  return serving.map(server => [
    ...[model, size, inFlight, server.label],
    ...[middle(server, "rate").toFixed(0), middle(server, "p50").toFixed(3), middle(server, "p99").toFixed(3)],
    middle(server, "cpu").toFixed(0),
    ...(server === ours
      ? ["", ""]
      : [
          (middle(ours, "rate") / middle(server, "rate")).toFixed(2),
          (middle(ours, "cpu") / middle(server, "cpu")).toFixed(2),
        ]),
    residentMegabytes(server.pid).toFixed(0),
  ]);
}

async function main() {
  requireH2load();
  const scratch = mkdtempSync(join(tmpdir(), "merlon-bench-"));
  const running = [];
  try {
    const sizes = numbers(values.sizes);
    const models = values.models.split(",");
    const { merlon, triton } = sizedRepositories(scratch, sizes);
    const add = async (label, starting, has = models) =>
      running.push(Object.assign(await starting, { label, models: has }));
    const profile = values["cpu-prof"];
    if (profile) mkdirSync(profile, { recursive: true });
    await add("merlon", startMerlon(merlon, { nodeFlags: profile ? ["--cpu-prof", `--cpu-prof-dir=${profile}`] : [] }));
    if (values.beside) await add("beside", startMerlon(merlon, { root: resolve(values.beside) }));
    const environment = process.env.MERLON_BENCH_TRITON;
    if (environment) await add("Triton 2.51", startTriton(environment, triton, scratch), ["scripted", "three_scripts"]);
    const rows = [];
    for (const model of models)
      for (const size of sizes)
        for (const inFlight of numbers(values["in-flight"])) {
          rows.push(...(await measure({ model, size, inFlight, servers: running, scratch })));
          process.stdout.write(".");
        }
    process.stdout.write("\n");
    table(
      [
        "model",
        ">bytes",
        ">in flight",
        "server",
        ">per s",
        ">p50 ms",
        ">p99 ms",
        ">CPU µs",
        ">rate ×",
        ">CPU ×",
        ">RSS MB",
      ],
      rows,
      "",
    );
    process.stdout.write("×: Merlon's rate and CPU time divided by the other server's\n");
  } finally {
    await Promise.all(running.map(server => server.stop()));
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (values.help) process.stdout.write(`${HELP}\n`);
else await main();

// The cost of a recorder between clients and a server: rate, p50 and p99 with and without it, over gRPC and HTTP, in alternating rounds.
// Server, recorder and client (h2load) are processes of their own: `npm run bench:recorder`. Prints a table and the machine's load; nothing
// is asserted, since machines differ.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { freePort } from "#conformance/free-ports.js";
import { table } from "../../scripts/demo/terminal.mjs";
import { median, spread } from "../stress/figures.mjs";
import { answerBytes, load, requireH2load } from "./server/load.mjs";
import { binaryBody, grpcBody, LARGE, merlonRepository, SMALL, targetOf, workloadsIn } from "./server/models.mjs";
import { startMerlon } from "./server/processes.mjs";

const HELP = `usage: npm run bench:recorder -- [options]
  --rounds N      pairs of one measurement without and one with the recorder, whose medians are shown (7)
  --seconds N     of load in each measurement, whole ones (2)
  --in-flight L   comma-separated (1,8)
  --large         tensors of 1 MB too; the cassette then takes gigabytes of the temporary folder
  --short         three rounds of a second at 8 in flight`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "2" },
    "in-flight": { type: "string", default: "1,8" },
    large: { type: "boolean", default: false },
    short: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const [ROUNDS, SECONDS] = values.short ? [3, 1] : [Number(values.rounds), Number(values.seconds)];
const LEVELS = values.short ? [8] : values["in-flight"].split(",").map(Number);
/** The model that does nothing, so that the ratio is the wire's and the recorder's. */
function workloads(scratch) {
  const { all, grpc, json, binary } = workloadsIn(scratch);
  for (const [title, model, size] of [
    ["FP32[16]", "identity", SMALL],
    ...(values.large ? [["1 MB", "identity_1mb", LARGE]] : []),
  ]) {
    grpc(`identity ${title}`, grpcBody(model, "INPUT0", size));
    json(`JSON identity ${title}`, model, size);
    binary(`binary identity ${title}`, model, binaryBody(size));
  }
  return all;
}
/** A just-in-time compiler needs some thousand requests. */
const WARM_SECONDS = 3;

/** @returns its ports and process; `stop` resolves with the last line it prints */
async function startRecorder(server, cassette) {
  const [grpc, http] = [await freePort(), await freePort()];
  const merlon = fileURLToPath(new URL("../../dist/bin/merlon.cjs", import.meta.url));
  const words = ["record", "--target", `127.0.0.1:${server.grpc}`, "--target-http", `http://127.0.0.1:${server.http}`];
  const ports = ["--grpc-port", String(grpc), "--http-port", String(http), "--out", cassette];
  const child = spawn(process.execPath, [merlon, ...words, ...ports], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  await new Promise((resolve, reject) => {
    child.stdout.on("data", chunk => {
      said += chunk;
      if (said.includes("Ctrl-C ends it.")) resolve();
    });
    child.on("exit", code => reject(new Error(`the recorder ended with ${code}`)));
  });
  return {
    ...{ grpc, http, pid: child.pid },
    async stop() {
      child.kill("SIGTERM");
      await once(child, "close");
      return said.trim().split("\n").at(-1);
    },
  };
}

/** Rounds of one workload at one level. @returns results without and with the recorder, pair by pair */
async function measure(workload, inFlight, server, recorder, scratch) {
  const least = await answerBytes(targetOf(server, workload));
  const run = (of, seconds) => load(targetOf(of, workload), of.pid, { inFlight, seconds, scratch, least });
  for (const one of [server, recorder]) await run(one, WARM_SECONDS);
  const pairs = [];
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? [server, recorder] : [recorder, server];
    const found = new Map();
    for (const one of order) found.set(one, await run(one, SECONDS));
    pairs.push([found.get(server), found.get(recorder)]);
  }
  return pairs;
}

function rowOf(name, inFlight, pairs) {
  const both = of => pairs.map(pair => pair.map(of));
  const cell = (of, digits) => {
    const [without, recorded] = [0, 1].map(i => median(both(of).map(pair => pair[i])));
    return `${without.toFixed(digits)} → ${recorded.toFixed(digits)}`;
  };
  const ratios = both(({ rate }) => rate).map(([without, recorded]) => recorded / without);
  return [
    ...[name, String(inFlight), cell(({ rate }) => rate, 0), spread(ratios)],
    ...[cell(({ p50 }) => p50, 2), cell(({ p99 }) => p99, 2), median(pairs.map(([, { cpu }]) => cpu)).toFixed(0)],
  ];
}

async function main() {
  if (values.help) return void process.stdout.write(`${HELP}\n`);
  requireH2load();
  const scratch = mkdtempSync(join(tmpdir(), "merlon-bench-recorder-"));
  const cassette = join(scratch, "bench.cassette");
  const before = loadavg();
  const server = await startMerlon(merlonRepository(join(scratch, "models")));
  let recorder;
  try {
    recorder = await startRecorder(server, cassette);
    const rows = [];
    for (const workload of workloads(scratch))
      for (const inFlight of LEVELS)
        rows.push(rowOf(workload.name, inFlight, await measure(workload, inFlight, server, recorder, scratch)));
    const head = ["workload", "in flight", "answers/s", "ratio of each pair", "p50 ms", "p99 ms", "recorder's CPU µs"];
    table(head, rows);
    process.stdout.write(`each cell: without → with the recorder, medians of ${ROUNDS} pairs of ${SECONDS} s\n`);
    const load = [before, loadavg()].map(([one]) => one.toFixed(1));
    process.stdout.write(`load average before and after: ${load.join(", ")}\n`);
    process.stdout.write(`${await recorder.stop()} (${(statSync(cassette).size / 2 ** 20).toFixed(0)} MiB)\n`);
    recorder = undefined;
  } finally {
    await recorder?.stop();
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

await main();

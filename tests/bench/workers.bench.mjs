// Workers beside one worker: `npm run bench:workers`. The first part has two workers on two cores, beside one that is confined to a core.
// The load generator is h2load, in C, on the last core. Its share of that core is subtracted. The second part has 1 to 16 workers on the same
// cores. It prints what they and the process that controls them take for a request, a connection, a scrape and a load. Rounds alternate.
// As many separate servers on one port show what a request costs without anything between the processes. Nothing is asserted, since
// machines differ.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { freePort } from "#conformance/free-ports.js";
import { table } from "../../scripts/demo/terminal.mjs";
import { allowedCores } from "../scorecard/support/cores.mjs";
import { answerBytes, load, requireH2load } from "./server/load.mjs";
import { grpcBody, grpcCall, merlonRepository } from "./server/models.mjs";
import { endedChildrenMs, familyMs, startMerlon, threadsMs } from "./server/processes.mjs";

const HELP = `usage: npm run bench:workers -- [options]
  --rounds N     alternating rounds, whose median is shown (5)
  --seconds N    of load in each round, whole ones (3)
  --in-flight N  connections with a request each (16)
  --only PART    ratio or growth
  --short        one round of a second`;
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    "in-flight": { type: "string", default: "16" },
    only: { type: "string", default: "" },
    short: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const [ROUNDS, SECONDS] = values.short ? [1, 1] : [Number(values.rounds), Number(values.seconds)];
const IN_FLIGHT = Number(values["in-flight"]);
const WARM_SECONDS = values.short ? 1 : 3;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COUNTS = [1, 2, 4, 8, 16];
/** How many of each are measured with each number of workers. */
const REPEATS = { connections: 400, scrapes: 40, loads: 20, idleMs: 5000 };
const scratch = mkdtempSync(join(tmpdir(), "workers-"));
const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const spread = numbers =>
  `±${Math.round((100 * (Math.max(...numbers) - Math.min(...numbers))) / 2 / median(numbers))}%`;

function repository() {
  const folder = merlonRepository(join(scratch, "models"));
  for (const name of ["recommend", "recommend_dlrm", "recommend_query_tower"])
    cpSync(join(ROOT, "model-repo", name), join(folder, name), { recursive: true });
  return folder;
}

/** The requests. @returns `{ name, bar, body, path, headers }` */
function workloads() {
  const path = "/inference.GRPCInferenceService/ModelInfer";
  const headers = { "content-type": "application/grpc", te: "trailers" };
  const workload = (name, bar, bytes) => {
    const body = join(scratch, `${name.replaceAll(/\W/g, "-")}.body`);
    writeFileSync(body, bytes);
    return { name, bar, body, path, headers };
  };
  return [
    workload("identity FP32[16]", 1.5, grpcBody("identity", ["INPUT0"], 16)),
    workload("ONNX FP32[4]", 1.8, grpcBody("calc_fp32", ["LEFT", "RIGHT"], 4)),
    workload("three identities", 1.8, grpcBody("three_steps", ["INPUT0"], 16)),
    workload("the shop, four stages", 1.8, shopBody()),
  ];
}

const shopBody = () =>
  grpcCall({
    model_name: "recommend",
    inputs: [{ name: "user_id", datatype: "INT64", shape: [1, 1] }],
    raw_input_contents: [Buffer.from(BigInt64Array.of(512300022n).buffer)],
  });

const target = (server, { path, body, headers }) => ({
  ...{ url: `http://127.0.0.1:${server.grpc}${path}`, body, headers },
  http1: false,
});

/** One round. @returns answers a second, microseconds of CPU for each, and the generator's share of its core */
async function round(server, workload, least, core, seconds = SECONDS, inFlight = IN_FLIGHT) {
  const before = endedChildrenMs();
  const found = await load(target(server, workload), server.pid, {
    inFlight,
    seconds,
    scratch,
    least,
    core,
  });
  return { ...found, share: (endedChildrenMs() - before) / (seconds * 1000) };
}

async function ratios(models, cores) {
  const [first, last] = [cores[0], cores.at(-1)];
  const one = await startMerlon(models, { name: "one", workers: 1, cores: [first] });
  const two = await startMerlon(models, { name: "two", workers: 2, cores: [first, last] });
  const rows = [];
  for (const workload of workloads()) {
    const least = 0.9 * (await answerBytes(target(one, workload)));
    const results = { one: [], two: [] };
    for (const server of [one, two]) await round(server, workload, least, last, WARM_SECONDS);
    for (let i = 0; i < ROUNDS; i++)
      for (const server of i % 2 ? [two, one] : [one, two])
        results[server.name].push(await round(server, workload, least, last));
    const middle = (name, key) => median(results[name].map(each => each[key]));
    // By rounds beside each other, since the machine is faster and slower by the minute.
    const ratioOf = key => median(results.two.map((each, i) => each[key] / results.one[i][key]));
    const ratio = ratioOf("rate");
    const share = middle("two", "share");
    rows.push([
      ...[workload.name, middle("one", "rate").toFixed(0), spread(results.one.map(({ rate }) => rate))],
      ...[middle("two", "rate").toFixed(0), spread(results.two.map(({ rate }) => rate)), `${ratio.toFixed(2)} ×`],
      ...[`${(100 * share).toFixed(0)} %`, `${((ratio * 2) / (2 - share)).toFixed(2)} ×`, `${workload.bar} ×`],
      ...[middle("one", "cpu").toFixed(0), middle("two", "cpu").toFixed(0)],
      `${ratioOf("cpu").toFixed(2)} ×`,
    ]);
  }
  await one.stop();
  await two.stop();
  console.log(
    `\nOne worker confined to core ${first}, and two workers on cores ${first} and ${last}; h2load on core ${last}, ${IN_FLIGHT} connections`,
  );
  console.log(
    "full: the ratio for two cores without the generator's share of one; ratios are medians of the rounds' ratios",
  );
  const heads = ["request", ">rate, one", ">spread", ">rate, two", ">spread", ">ratio", ">generator", ">full", ">bar"];
  table([...heads, ">µs CPU, one", ">µs CPU, two", ">ratio"], rows);
}

/** CPU milliseconds of the control process so far. A server of one process has none. */
const controlMs = ({ pid, name }) => (name === "1" ? 0 : threadsMs(pid));

/** CPU milliseconds of the control process and of its workers for some work. */
async function costOf(server, work) {
  const [control, all] = [controlMs(server), familyMs(server.pid)];
  await work();
  const [controls, whole] = [controlMs(server) - control, familyMs(server.pid) - all];
  return { control: controls, workers: whole - controls };
}

const REQUEST = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const oneConnection = port =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(REQUEST));
    socket.on("data", () => {}).on("error", reject);
    socket.on("close", resolve);
  });

async function times(count, work) {
  for (let i = 0; i < count; i++) await work(i);
}

async function post(port, path) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body: "{}" });
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
}

async function measureCount(models, count, identity, core) {
  const flags = ["--model-control-mode=explicit", "--load-model=identity"];
  const server = await startMerlon(models, { name: `${count}`, workers: count, flags });
  const least = 0.9 * (await answerBytes(target(server, identity)));
  // Each worker has as many requests in flight, since one with few wakes for each of them. It compiles its code for itself.
  const inFlight = IN_FLIGHT * count;
  await round(server, identity, least, core, WARM_SECONDS * Math.ceil(count / 2), inFlight);
  const [{ connections, scrapes, loads, idleMs }, scale] = [REPEATS, values.short ? 0.25 : 1];
  const runs = [];
  for (let i = 0; i < ROUNDS; i++) {
    const control = controlMs(server);
    const { rate, cpu } = await round(server, identity, least, core, SECONDS, inFlight);
    runs.push({ rate, cpu, control: ((controlMs(server) - control) * 1000) / (rate * SECONDS) });
  }
  const per = async (number, work) => {
    const { control, workers } = await costOf(server, () => times(number, work));
    return [control / number, workers / number];
  };
  const connection = await per(connections * scale, () => oneConnection(server.http));
  const scrape = await per(scrapes * scale, async () =>
    (await fetch(`http://127.0.0.1:${server.metrics}/metrics`)).arrayBuffer(),
  );
  const change = await per(loads * scale, () => post(server.http, "/v2/repository/models/identity/load"));
  const idle = await costOf(server, () => pause(idleMs * scale));
  await server.stop();
  const middle = key => median(runs.map(run => run[key]));
  return {
    ...{ count, rate: middle("rate"), cpu: middle("cpu"), control: middle("control") },
    ...{ connection, scrape, change, idle: [idle.control, idle.workers].map(ms => ms / ((idleMs * scale) / 1000)) },
  };
}

/** Servers of one process each, which share a port and nothing else. @returns microseconds of CPU for each request */
async function measureSeparate(models, count, identity, core) {
  const grpc = await freePort();
  const flags = ["--model-control-mode=explicit", "--load-model=identity", "--reuse-grpc-port=true"];
  const servers = [];
  try {
    for (let i = 0; i < count; i++) servers.push(await startMerlon(models, { name: `separate ${i}`, flags, grpc }));
    const all = { grpc, pid: servers.map(({ pid }) => pid) };
    const least = 0.9 * (await answerBytes(target(all, identity)));
    const run = seconds => round(all, identity, least, core, seconds, IN_FLIGHT * count);
    await run(WARM_SECONDS * Math.ceil(count / 2));
    const costs = [];
    for (let i = 0; i < ROUNDS; i++) costs.push((await run(SECONDS)).cpu);
    return median(costs);
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function growth(models, cores) {
  const [identity] = workloads();
  const found = [];
  for (const count of COUNTS)
    found.push({
      ...(await measureCount(models, count, identity, cores.at(-1))),
      separate: await measureSeparate(models, count, identity, cores.at(-1)),
    });
  const both = ([control, workers], digits) => [control.toFixed(digits), workers.toFixed(digits)];
  console.log(
    `\n1 to ${COUNTS.at(-1)} workers on ${cores.length} cores: CPU time in the control process and in the workers together`,
  );
  table(
    [
      ...[
        "workers",
        ">rate",
        ">µs a request",
        ">separate servers",
        ">control µs",
        ">ms a connection: control",
        ">workers",
      ],
      ...[
        ">ms a scrape: control",
        ">workers",
        ">ms a load: control",
        ">workers",
        ">idle ms a second: control",
        ">workers",
      ],
    ],
    found.map(({ count, rate, cpu, separate, control, connection, scrape, change, idle }) => [
      ...[`${count}`, rate.toFixed(0), cpu.toFixed(1), separate.toFixed(1), control.toFixed(2)],
      ...[...both(connection, 2), ...both(scrape, 1), ...both(change, 1), ...both(idle, 1)],
    ]),
  );
  const many = found.at(-1);
  const serial = many.control / many.cpu;
  const limit = serial > 0 ? `${Math.round(1 / serial)}` : "no number of";
  console.log(
    `\nSerial part (Amdahl) at ${many.count} workers: ${many.control.toFixed(2)} of ${many.cpu.toFixed(1)} µs of a request are in the one control process,` +
      ` ${(100 * serial).toFixed(2)} %; by it alone, ${limit} cores would be the end.`,
  );
}

requireH2load();
const cores = allowedCores();
console.log(`${cores.length} cores, load ${loadavg()[0].toFixed(1)}, Node ${process.version}`);
try {
  const models = repository();
  for (const [name, part] of Object.entries({ ratio: ratios, growth }))
    if (values.only === "" || values.only === name) await part(models, cores);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

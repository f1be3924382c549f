// Requests between the workers of one server: `npm run bench:peers`. First what a forwarded request costs both workers, beside the same request to a server of
// one process. Then one client connection to two workers, beside one worker: the shares of both, rate and CPU time. Then dynamic batchers: one in each worker,
// beside one for all. Rounds alternate; h2load drives all. Prints tables; nothing is asserted, since machines differ.
import { execFile, fork } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { table } from "../../scripts/demo/terminal.mjs";
import { requireH2load } from "./server/load.mjs";
import { grpcCall } from "./server/models.mjs";

const HELP = `usage: npm run bench:peers -- [options]
  --rounds N    alternating rounds, whose median is shown (3)
  --seconds N   of load in each round (2)
  --only PART   cost, balance or batching
  --short       one round of a second`;
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "2" },
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
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WORKER = fileURLToPath(new URL("peers/worker.mjs", import.meta.url));
const TOKEN = "a token of the benchmark, 32 byte";
/** Bytes of the one tensor. */
const SIZES = [64, 4096, 65_536, 2 ** 20];
const INFER = "/inference.GRPCInferenceService/ModelInfer";

const scratch = mkdtempSync(join(tmpdir(), "peers-"));
const loopback = { port: 0, address: "127.0.0.1" };
const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

function repository() {
  const folder = join(scratch, "models");
  const write = (path, text) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const uint8 = name => `{ name: "${name}" data_type: TYPE_UINT8 dims: [-1] }`;
  const model = (name, backend, rest = "") => {
    write(
      `${name}/config.pbtxt`,
      `name: "${name}" backend: "${backend}" max_batch_size: 64 input [ ${uint8("INPUT0")} ] output [ ${uint8("OUTPUT0")} ] ${rest}`,
    );
    write(`${name}/1/.keep`, "");
  };
  model("identity", "identity");
  // Its threads compute for a millisecond an execution, whatever its batch.
  const busy = `const cell = new Int32Array(1);
export const execute = requests => {
  const end = performance.now() + 1;
  while (performance.now() < end) cell[0]++;
  return requests.map(({ inputs }) => ({ outputs: [{ ...inputs.INPUT0, name: "OUTPUT0" }] }));
};
`;
  const one = "instance_group [ { count: 1 kind: KIND_CPU } ]";
  model("thread", "javascript", one);
  write("thread/1/model.mjs", busy);
  const batching = "dynamic_batching { preferred_batch_size: [ 8 ] max_queue_delay_microseconds: 2000 }";
  model("batched", "javascript", `${one} ${batching}`);
  write("batched/1/model.mjs", busy);
  for (const name of ["recommend", "recommend_dlrm", "recommend_query_tower"])
    cpSync(join(ROOT, "model-repo", name), join(folder, name), { recursive: true });
  return folder;
}

function body(name, request) {
  const path = join(scratch, `${name}.body`);
  writeFileSync(path, grpcCall(request));
  return path;
}
const bytesBody = (model, size) =>
  body(`${model}-${size}`, {
    model_name: model,
    inputs: [{ name: "INPUT0", datatype: "UINT8", shape: [1, size] }],
    raw_input_contents: [Buffer.alloc(size, 7)],
  });
function usersBody(rows) {
  const users = [512300022, 512300042, 512300091];
  const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(users[i % 3]));
  return body(`users-${rows}`, {
    model_name: "recommend",
    inputs: [{ name: "user_id", datatype: "INT64", shape: [rows, 1] }],
    raw_input_contents: [Buffer.from(ids.buffer)],
  });
}

/** Workers of one server; without `peers` a server of one process. */
async function start(models, count, peers) {
  const folder = mkdtempSync(join(scratch, "s"));
  const workers = await Promise.all(
    Array.from({ length: count }, async (_, self) => {
      const options = {
        ...{ modelRepositories: [models], grpc: loopback, http: false, metrics: false },
        ...(peers && { peers: { self, count, folder, token: TOKEN, ...peers } }),
      };
      const child = fork(WORKER, [JSON.stringify(options)]);
      const [{ ports }] = await Promise.race([
        once(child, "message"),
        once(child, "exit").then(() => Promise.reject(new Error("a worker did not start"))),
      ]);
      return { child, ports };
    }),
  );
  return {
    port: workers[0].ports.grpc,
    ports: workers.map(({ ports }) => ports.grpc),
    figures: () =>
      Promise.all(
        workers.map(async ({ child }) => {
          const answer = once(child, "message");
          child.send("figures");
          return (await answer)[0];
        }),
      ),
    stop() {
      for (const { child } of workers) child.disconnect();
    },
  };
}
const once = (emitter, event) => new Promise(resolve => emitter.once(event, (...given) => resolve(given)));

/** One connection, or one to each worker, for a time or for a number of requests. @returns rate, CPU microseconds a request of all workers, requests that the first forwarded */
async function load(server, file, inFlight, { seconds = SECONDS, requests, all = false } = {}) {
  const before = await server.figures();
  const ports = all ? server.ports : [server.port];
  const runs = await Promise.all(
    ports.map(async port => {
      const { stdout } = await promisify(execFile)(
        "h2load",
        [
          ...["-c", "1", "-m", String(inFlight / ports.length), "-d", file],
          ...(requests ? ["-n", String(requests)] : ["-D", String(seconds)]),
          ...["-H", "content-type: application/grpc", "-H", "te: trailers", `http://127.0.0.1:${port}${INFER}`],
        ],
        { maxBuffer: 2 ** 24 },
      );
      const done = Number(/requests: .* (\d+) succeeded/.exec(stdout)?.[1] ?? 0);
      if (done === 0) throw new Error(stdout);
      return done;
    }),
  );
  const after = await server.figures();
  const done = runs.reduce((a, b) => a + b);
  const cpu = after.reduce((sum, { cpuUs }, i) => sum + cpuUs - before[i].cpuUs, 0);
  const sent = ["balanced", "homed"].reduce(
    (sum, key) => sum + (after[0].counts[key] ?? 0) - (before[0].counts[key] ?? 0),
    0,
  );
  return { rate: done / seconds, cpu: cpu / done, share: sent / done };
}

/** Alternating rounds. @returns medians by name */
async function compare(servers, run) {
  const results = new Map(servers.map(([name]) => [name, []]));
  for (const [, server] of servers) await run(server, 1);
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, server] of servers) results.get(name).push(await run(server, SECONDS));
  return Object.fromEntries(
    [...results].map(([name, all]) => [
      name,
      Object.fromEntries(["rate", "cpu", "share"].map(key => [key, median(all.map(one => one[key]))])),
    ]),
  );
}

async function costs(models) {
  const [direct, forwarding] = await Promise.all([start(models, 1), start(models, 2, { balance: "always" })]);
  const rows = [];
  for (const inFlight of [1, 8])
    for (const size of SIZES) {
      const file = bytesBody("identity", size);
      const found = await compare(
        [
          ["direct", direct],
          ["forwarded", forwarding],
        ],
        server =>
          load(server, file, inFlight, {
            requests: Math.ceil((values.short ? 0.25 : 1) * Math.min(4000, 2e8 / (size + 4e4))),
          }),
      );
      const { direct: one, forwarded: two } = found;
      rows.push([
        `${size} B`,
        `${inFlight}`,
        one.cpu.toFixed(0),
        two.cpu.toFixed(0),
        (two.cpu - one.cpu).toFixed(0),
        `${Math.round(100 * two.share)} %`,
      ]);
    }
  direct.stop();
  forwarding.stop();
  console.log("\nCPU microseconds of a request, both workers together");
  table(["tensor", ">in flight", ">direct", ">forwarded", ">more", ">share forwarded"], rows);
}

async function balance(models) {
  const [one, two] = await Promise.all([start(models, 1), start(models, 2, {})]);
  const rows = [];
  for (const [name, file] of [
    ["identity, 64 B", bytesBody("identity", 64)],
    ["1 ms in a thread", bytesBody("thread", 64)],
    ["recommend, 1 user", usersBody(1)],
    ["recommend, 16 users", usersBody(16)],
  ])
    for (const inFlight of [1, 2, 8, 32]) {
      const found = await compare(
        [
          ["one", one],
          ["two", two],
        ],
        (server, seconds) => load(server, file, inFlight, { seconds }),
      );
      rows.push([
        ...[
          name,
          `${inFlight}`,
          found.one.rate.toFixed(0),
          found.two.rate.toFixed(0),
          `${(found.two.rate / found.one.rate).toFixed(2)} ×`,
        ],
        ...[found.one.cpu.toFixed(0), found.two.cpu.toFixed(0), `${Math.round(100 * found.two.share)} %`],
      ]);
    }
  one.stop();
  two.stop();
  console.log("\nOne connection to the first of two workers, beside one worker alone");
  table(
    ["model", ">in flight", ">rate, one", ">rate, two", ">ratio", ">µs CPU, one", ">µs CPU, two", ">ran at the second"],
    rows,
  );
}

async function batching(models) {
  const [each, home] = await Promise.all([
    start(models, 2, { balance: "off" }),
    start(models, 2, { balance: "off", homeBatchers: "preferred" }),
  ]);
  const file = bytesBody("batched", 64);
  const rows = [];
  for (const inFlight of [4, 16, 64]) {
    const found = await compare(
      [
        ["each", each],
        ["home", home],
      ],
      (server, seconds) => load(server, file, inFlight, { seconds, all: true }),
    );
    rows.push([
      ...[
        `${inFlight}`,
        found.each.rate.toFixed(0),
        found.home.rate.toFixed(0),
        `${(found.home.rate / found.each.rate).toFixed(2)} ×`,
      ],
      ...[found.each.cpu.toFixed(0), found.home.cpu.toFixed(0)],
    ]);
  }
  each.stop();
  home.stop();
  console.log(
    "\nA batcher of preferred size 8, a millisecond a batch: one in each worker, beside one for both; a connection to each",
  );
  table([">in flight", ">rate, each", ">rate, home", ">ratio", ">µs CPU, each", ">µs CPU, home"], rows);
}

requireH2load();
console.log(`${availableParallelism()} cores, load ${loadavg()[0].toFixed(1)}, Node ${process.version}`);
try {
  const models = repository();
  for (const [name, part] of Object.entries({ cost: costs, balance, batching }))
    if (values.only === "" || values.only === name) await part(models);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

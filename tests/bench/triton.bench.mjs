// Merlon beside another server of Triton's protocol over equal models with equal instance counts. Bounds of small messages are sockets of node:net with
// answers of a fixed form. A server in C that discards large ones is their bound, if there is a compiler.
// All are driven by h2load, which is in C, and rounds alternate. The other server is started by hand:
//   npm run bench:triton -- --write MODELS             writes the models
//   npm run bench:triton -- MODELS triton=PID:GRPC:HTTP measures
// Ratios are medians of the rounds' ratios, with their range. Prints tables; nothing is asserted, since machines differ.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../../scripts/demo/terminal.mjs";
import { answerBytes, load, requireH2load } from "./server/load.mjs";
import { mlpModel } from "./server/mlp.mjs";
import { binaryBody, binaryRequest, grpcBody, grpcCall } from "./server/models.mjs";
import { startBareGrpc, startBareHttp, startFloor, startMerlon } from "./server/processes.mjs";

const HELP = `usage: npm run bench:triton -- --write MODELS
       npm run bench:triton -- [options] MODELS NAME=PID:GRPC_PORT:HTTP_PORT
  --rounds N    alternating rounds (5)
  --seconds N   of load in each round (2)
  --filter TEXT only workloads whose name contains it
  --workers L   numbers of Merlon's workers, comma-separated (1)
  --shop        the shop's entry model: MODELS was built from examples/shop, as was the other server's repository, for either target
  --awake       a thread of the lowest priority on each core, so that no core sleeps between two requests
example: npm run bench:triton -- --awake --filter identity MODELS triton=4711:9001:9000`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    write: { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    filter: { type: "string", default: "" },
    workers: { type: "string", default: "1" },
    shop: { type: "boolean", default: false },
    awake: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const [ROUNDS, SECONDS] = [Number(values.rounds), Number(values.seconds)];
for (const option of ["rounds", "seconds"])
  if (!(Number.isInteger(Number(values[option])) && Number(values[option]) >= 1)) {
    console.error(`--${option} ${values[option]}: write a whole number from 1`);
    process.exit(2);
  }
const WARM_SECONDS = 2;
const [SMALL, LARGE, WIDE] = [16, 2 ** 18, 64];
const USER = 512300022n;

const config = (name, head, [input, from], [output, to], rest) =>
  `name: "${name}"\n${head}\ninput [ { name: "${input}" data_type: TYPE_FP32 dims: [ ${from} ] } ]\n` +
  `output [ { name: "${output}" data_type: TYPE_FP32 dims: [ ${to} ] } ]\n${rest}\n`;
const TWO = "instance_group [ { count: 2 kind: KIND_CPU } ]";
const ONE_THREAD = 'parameters { key: "intra_op_thread_count" value: { string_value: "1" } }';
const identity = (name, rows, size) =>
  config(name, `backend: "identity" max_batch_size: ${rows}`, ["INPUT0", size], ["OUTPUT0", size], TWO);
const step = (from, to) =>
  `step { model_name: "identity" model_version: -1 input_map { key: "INPUT0" value: "${from}" } output_map { key: "OUTPUT0" value: "${to}" } }`;

function writeModels(folder) {
  const steps = [step("INPUT0", "a"), step("a", "b"), step("b", "OUTPUT0")].join(" ");
  const ends = [
    ["INPUT0", SMALL],
    ["OUTPUT0", SMALL],
  ];
  const files = {
    "identity/config.pbtxt": identity("identity", 64, SMALL),
    "identity/1/.keep": "",
    "identity_1mb/config.pbtxt": identity("identity_1mb", 8, LARGE),
    "identity_1mb/1/.keep": "",
    "three_steps/config.pbtxt": config(
      "three_steps",
      'platform: "ensemble" max_batch_size: 64',
      ...ends,
      `ensemble_scheduling { ${steps} }`,
    ),
    "three_steps/1/.keep": "",
    "mlp/config.pbtxt": config(
      "mlp",
      'backend: "onnxruntime" max_batch_size: 256',
      ["x", WIDE],
      ["y", 1],
      `${TWO}\n${ONE_THREAD}`,
    ),
    "mlp/1/model.onnx": mlpModel(),
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  process.stdout.write(
    `${folder} has the models. Start the other server on it, on loopback; then:\n  npm run bench:triton -- ${folder} triton=PID:GRPC:HTTP\n`,
  );
}

/** The requests, each with its numbers in flight. */
function workloads(scratch) {
  const all = [];
  const add = (name, levels, request, bytes) => {
    const body = join(scratch, `${all.length}.body`);
    writeFileSync(body, bytes);
    all.push({ name, levels, ...request, body });
  };
  const grpc = (name, levels, bytes) =>
    add(
      `gRPC ${name}`,
      levels,
      {
        protocol: "grpc",
        path: "/inference.GRPCInferenceService/ModelInfer",
        headers: { "content-type": "application/grpc", te: "trailers" },
      },
      bytes,
    );
  const http = (name, levels, model, { bytes, length }) => {
    const headers = { "content-type": "application/octet-stream", "inference-header-content-length": String(length) };
    add(`HTTP ${name}`, levels, { protocol: "http", path: `/v2/models/${model}/infer`, headers }, bytes);
  };
  if (values.shop) {
    const user = Buffer.from(BigInt64Array.of(USER).buffer);
    const input = { name: "user_id", datatype: "INT64", shape: [1, 1] };
    const call = { model_name: "recommend", inputs: [input], raw_input_contents: [user] };
    grpc("shop", [1, 8], grpcCall(call));
    http("shop", [8], "recommend", binaryRequest([{ ...input, data: user }]));
    return all;
  }
  grpc("identity", [1, 8, 32], grpcBody("identity", ["INPUT0"], SMALL));
  http("identity", [1, 8], "identity", binaryBody(SMALL));
  grpc("identity, 1 MB", [4], grpcBody("identity_1mb", ["INPUT0"], LARGE));
  http("identity, 1 MB", [4], "identity_1mb", binaryBody(LARGE));
  grpc("three steps", [1, 8], grpcBody("three_steps", ["INPUT0"], SMALL));
  grpc("network", [1, 8], grpcBody("mlp", ["x"], WIDE));
  grpc("network, 64 rows", [8], grpcBody("mlp", ["x"], WIDE, 64));
  http("network", [8], "mlp", binaryBody(WIDE, "x"));
  return all.filter(({ name }) => name.includes(values.filter));
}

const sorted = numbers => numbers.toSorted((a, b) => a - b);
const median = numbers => sorted(numbers)[Math.floor(numbers.length / 2)];
const STOLEN = 8;
const stolen = () => Number(readFileSync("/proc/stat", "utf8").split("\n")[0].split(/ +/)[STOLEN]);

/** Rounds of one workload at one level. @returns a row for each server */
async function measure(work, inFlight, servers, other, scratch) {
  const target = server => ({
    url: `http://127.0.0.1:${server[work.protocol]}${work.path}`,
    ...{ body: work.body, headers: work.headers, http1: work.protocol === "http" },
  });
  const least = new Map();
  const results = new Map(servers.map(server => [server, []]));
  const run = (server, seconds) =>
    load(target(server), server.pid, { inFlight, seconds, scratch, least: least.get(server) });
  for (const server of servers) {
    least.set(server, await answerBytes(target(server)));
    await run(server, WARM_SECONDS);
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const server of round % 2 ? servers.toReversed() : servers)
      results.get(server).push(await run(server, SECONDS));
  return servers.map(server => {
    const runs = results.get(server);
    const middle = key => median(runs.map(one => one[key]));
    const ratios = key => sorted(runs.map((one, i) => one[key] / results.get(other)[i][key]));
    const written = key => {
      const all = ratios(key);
      return `${median(all).toFixed(2)} (${all[0].toFixed(2)} to ${all.at(-1).toFixed(2)})`;
    };
    return [
      ...[work.name, inFlight, server.name, middle("rate").toFixed(0)],
      ...[middle("p50").toFixed(3), middle("p99").toFixed(3), middle("cpu").toFixed(0)],
      ...(server === other ? ["", ""] : [written("rate"), written("cpu")]),
    ];
  });
}

function otherServer(words) {
  const [, name, ...numbers] = /^([^=]+)=(\d+):(\d+):(\d+)$/.exec(words) ?? [];
  if (!name) throw new Error(`"${words}" does not name a server: write triton=PID:GRPC_PORT:HTTP_PORT`);
  const [pid, grpc, http] = numbers.map(Number);
  // The CPU time of no process would be 0.
  if (!existsSync(`/proc/${pid}`)) throw new Error(`${words}: there is no process ${pid}`);
  return { name, pid, grpc, http };
}

/** Runs until the benchmark has ended, also by a signal that it cannot handle. */
const SPIN = "const parent = process.ppid; for (let i = 1; i % 1e8 || process.ppid === parent; i++);";
/** Processes that run while a core has nothing else to do. */
const keepAwake = () =>
  Array.from({ length: availableParallelism() }, (_, core) =>
    spawn("taskset", ["-c", String(core), "chrt", "-i", "0", process.execPath, "-e", SPIN], { stdio: "ignore" }),
  );

/** The servers that a workload is measured with: the other one, Merlon, and a bound for tensors that are returned as they are. */
function chosen({ name, protocol }, { other, merlons, bounds, floor }) {
  const bound = name.endsWith("identity") ? bounds[protocol] : name === "gRPC identity, 1 MB" ? floor : undefined;
  return [other, ...merlons, ...(bound ? [bound] : [])];
}

async function main() {
  if (values.help || (!values.write && positionals.length !== 2)) {
    console.log(HELP);
    process.exit(values.help ? 0 : 2);
  }
  if (values.write) return writeModels(resolve(values.write));
  requireH2load();
  const [folder, words] = positionals;
  const other = otherServer(words);
  const scratch = mkdtempSync(join(tmpdir(), "merlon-triton-"));
  const stops = [];
  try {
    const begin = async starting => {
      const server = await starting;
      if (server) stops.push(() => server.stop());
      return server;
    };
    const merlons = [];
    for (const workers of values.workers.split(",").map(Number))
      merlons.push(await begin(startMerlon(folder, { workers, name: workers > 1 ? `merlon, ${workers}` : "merlon" })));
    const bounds = { http: await begin(startBareHttp()), grpc: await begin(startBareGrpc()) };
    const floor = await begin(startFloor(4 * LARGE, scratch));
    if (values.awake) for (const child of keepAwake()) stops.push(() => child.kill("SIGKILL"));
    const rows = [];
    const [began, stolenBefore] = [performance.now(), stolen()];
    for (const work of workloads(scratch))
      for (const inFlight of work.levels) {
        const servers = chosen(work, { other, merlons, bounds, floor });
        rows.push(...(await measure(work, inFlight, servers, other, scratch)));
        process.stdout.write(".");
      }
    process.stdout.write("\n");
    table(
      ["workload", ">in flight", "server", ">per s", ">p50 ms", ">p99 ms", ">CPU µs", ">rate ×", ">CPU ×"],
      rows,
      "",
    );
    const share = (stolen() - stolenBefore) / ((performance.now() - began) / 10) / availableParallelism();
    process.stdout.write(
      `× ${other.name}: median of ${ROUNDS} rounds, least and most. ${(100 * share).toFixed(1)} % of the cores' time was stolen by neighbors.\n`,
    );
  } finally {
    for (const stop of stops) await stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

await main();

// Merlon beside another server of Triton's protocol over equal models with equal instance counts. Bounds of small messages are sockets of node:net with
// answers of a fixed form.
// All are driven by h2load, which is in C, and rounds alternate. The other server is started by hand:
//   npm run bench:triton -- --write MODELS             writes the models
//   npm run bench:triton -- MODELS triton=PID:GRPC:HTTP measures
// Ratios are medians of the rounds' ratios, with their range. Prints tables; nothing is asserted, since machines differ.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../../scripts/demo/terminal.mjs";
import { median, spread } from "../stress/figures.mjs";
import { answerBytes, load, requireH2load } from "./server/load.mjs";
import { mlpModel } from "./server/mlp.mjs";
import {
  binaryBody,
  binaryRequest,
  config,
  grpcBody,
  grpcCall,
  identity,
  LARGE,
  SMALL,
  targetOf,
  workloadsIn,
  write,
} from "./server/models.mjs";
import { startBareGrpc, startBareHttp, startMerlon } from "./server/processes.mjs";

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
const WIDE = 64;
const USER = 512300022n;

const TWO = "instance_group [ { count: 2 kind: KIND_CPU } ]";
const ONE_THREAD = 'parameters { key: "intra_op_thread_count" value: { string_value: "1" } }';
const step = (from, to) =>
  `step { model_name: "identity" model_version: -1 input_map { key: "INPUT0" value: "${from}" } output_map { key: "OUTPUT0" value: "${to}" } }`;

function writeModels(folder) {
  const steps = [step("INPUT0", "a"), step("a", "b"), step("b", "OUTPUT0")].join(" ");
  write(folder, {
    ...identity("identity", SMALL, 64, 2),
    ...identity("identity_1mb", LARGE, 8, 2),
    "three_steps/config.pbtxt": config(
      "three_steps",
      'platform: "ensemble" max_batch_size: 64',
      ["INPUT0", SMALL],
      ["OUTPUT0", SMALL],
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
  });
  process.stdout.write(
    `${folder} has the models. Start the other server on it, on loopback; then:\n  npm run bench:triton -- ${folder} triton=PID:GRPC:HTTP\n`,
  );
}

/** The requests, each with its numbers in flight. */
function workloads(scratch) {
  const { all, grpc, binary } = workloadsIn(scratch);
  if (values.shop) {
    const user = Buffer.from(BigInt64Array.of(USER).buffer);
    const input = { name: "user_id", datatype: "INT64", shape: [1, 1] };
    const call = { model_name: "recommend", inputs: [input], raw_input_contents: [user] };
    grpc("shop", grpcCall(call), { levels: [1, 8] });
    binary("shop", "recommend", binaryRequest([{ ...input, data: user }]), { levels: [8] });
    return all;
  }
  grpc("identity", grpcBody("identity", "INPUT0", SMALL), { levels: [1, 8, 32] });
  binary("identity", "identity", binaryBody(SMALL), { levels: [1, 8] });
  grpc("identity, 1 MB", grpcBody("identity_1mb", "INPUT0", LARGE), { levels: [4] });
  binary("identity, 1 MB", "identity_1mb", binaryBody(LARGE), { levels: [4] });
  grpc("three steps", grpcBody("three_steps", "INPUT0", SMALL), { levels: [1, 8] });
  grpc("network", grpcBody("mlp", "x", WIDE), { levels: [1, 8] });
  grpc("network, 64 rows", grpcBody("mlp", "x", WIDE, 64), { levels: [8] });
  binary("network", "mlp", binaryBody(WIDE, "x"), { levels: [8] });
  return all.filter(({ name }) => name.includes(values.filter));
}

const STOLEN = 8;
const stolen = () => Number(readFileSync("/proc/stat", "utf8").split("\n")[0].split(/ +/)[STOLEN]);

/** Rounds of one workload at one level. @returns a row for each server */
async function measure(work, inFlight, servers, other, scratch) {
  const least = new Map();
  const results = new Map(servers.map(server => [server, []]));
  const run = (server, seconds) =>
    load(targetOf(server, work), server.pid, { inFlight, seconds, scratch, least: least.get(server) });
  for (const server of servers) {
    least.set(server, await answerBytes(targetOf(server, work)));
    await run(server, WARM_SECONDS);
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const server of round % 2 ? servers.toReversed() : servers)
      results.get(server).push(await run(server, SECONDS));
  return servers.map(server => {
    const runs = results.get(server);
    const middle = key => median(runs.map(one => one[key]));
    const written = key => spread(runs.map((one, i) => one[key] / results.get(other)[i][key]));
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
const chosen = ({ name, protocol }, { other, merlons, bounds }) => [
  ...[other, ...merlons],
  ...(name.endsWith("identity") ? [bounds[protocol]] : []),
];

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
      stops.push(() => server.stop());
      return server;
    };
    const merlons = [];
    for (const workers of values.workers.split(",").map(Number))
      merlons.push(await begin(startMerlon(folder, { workers, name: workers > 1 ? `merlon, ${workers}` : "merlon" })));
    const bounds = { http: await begin(startBareHttp()), grpc: await begin(startBareGrpc()) };
    if (values.awake) for (const child of keepAwake()) stops.push(() => child.kill("SIGKILL"));
    const rows = [];
    const [began, stolenBefore] = [performance.now(), stolen()];
    for (const work of workloads(scratch))
      for (const inFlight of work.levels) {
        const servers = chosen(work, { other, merlons, bounds });
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

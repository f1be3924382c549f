/**
 * The cost of the exposure log: an ensemble with a log and the same without one, over gRPC in alternating rounds. One server has both. Two servers
 * differ by more than the log costs, since their code is compiled at other times. Shown items alone, and all candidates, of two ensembles: the
 * shop's four stages, and a draw of 10 from 100 that does nothing else. The server's event loop has a core of its own. The writer's thread and the
 * load generator (h2load) share another one. The CPU time of the loop per request is the figure that a busy machine changes least.
 *
 * With two cores, the writer takes time from the generator. So there is a third side: no log, beside a neighbor. The neighbor uses as much of the
 * generator's core as the writer did. The cost of the log beyond that is its cost with a core for the writer.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, compile, printDiagnostics } from "../../dist/compiler/index.js";
import { encode } from "../../dist/triton-protos/proto-root.js";
import { table } from "../../scripts/demo/terminal.mjs";
import { median } from "../stress/figures.mjs";
import { answerBytes, load, requireH2load } from "./server/load.mjs";
import { pinThreads, startMerlon } from "./server/processes.mjs";

const HELP = `usage: npm run bench:exposures -- [options]
  --servers N      fresh servers (3)
  --rounds N       alternating rounds of each server (4)
  --seconds N      of load in each round, whole ones (2)
  --in-flight L    comma-separated (1,8)
  --log L          comma-separated: shop-shown, shop-all, draw-shown, draw-all (all four)
  --short          one server, two rounds of a second at 8 in flight, of draw-shown
  --cpu-prof DIR   the servers write CPU profiles there`;

const { values } = parseArgs({
  options: {
    servers: { type: "string", default: "3" },
    rounds: { type: "string", default: "4" },
    seconds: { type: "string", default: "2" },
    "in-flight": { type: "string", default: "1,8" },
    log: { type: "string" },
    short: { type: "boolean", default: false },
    "cpu-prof": { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const [SERVERS, ROUNDS, SECONDS] = values.short
  ? [1, 2, 1]
  : [Number(values.servers), Number(values.rounds), Number(values.seconds)];
const LEVELS = values.short ? [8] : values["in-flight"].split(",").map(Number);
const NAMES = (values.log ?? (values.short ? "draw-shown" : "shop-shown,shop-all,draw-shown,draw-all")).split(",");
const WARM_SECONDS = 4;
const CANDIDATES = 100;
const CANDIDATES_LOGGED = { shown: '"shown"', all: "{ all: 1 }" };
const SHOP = fileURLToPath(new URL("../../examples/shop", import.meta.url));
/** A customer of the shop. */
const CUSTOMER = 512300022;

/** @param log of the ensemble, as source; undefined for none */
const draw = (name, log) => `import { ensemble, explode, lambdaOp, softmaxSampling, source } from "merlon";
const request = source({ user_id: "int64", ids: "int64[${CANDIDATES}]" });
const found = request["ids"] >> explode();
const score = found >> lambdaOp(candidate_ids => candidate_ids % 7 / 10, { name: "score", dtype: "float32" });
export default ensemble("${name}", found["candidate_ids"] >> softmaxSampling(score, { topk: 10, temperature: 2 })${optionsOf(log)});
`;

/** The shop's ensemble under another name. */
function shop(name, log) {
  const text = readFileSync(join(SHOP, "recommend.ensemble.ts"), "utf8");
  const made = text.replace('ensemble("recommend", ordering)', `ensemble("${name}", ordering${optionsOf(log)})`);
  if (made === text) throw new Error("the shop's ensemble has another end than this benchmark expects");
  return made;
}

const optionsOf = log =>
  log === undefined ? "" : `, { log: { columns: [request["user_id"]], candidates: ${CANDIDATES_LOGGED[log]} } }`;

const WORKLOADS = {
  shop: { text: shop, inputs: { user_id: [CUSTOMER] }, artefacts: SHOP },
  draw: { text: draw, inputs: { user_id: [1], ids: Array.from({ length: CANDIDATES }, (_, i) => i) } },
};

/** The first two cores that this process may use; the generator needs another one than the loop. */
function cores() {
  const [, list] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"));
  const all = list.split(",").flatMap(range => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  if (all.length < 2) throw new Error("this benchmark needs two cores");
  return { loop: all[0], others: all[1] };
}

/** Compiles and builds both ensembles. @param name of a workload and its log: `shop-shown` @returns the repository's folder, and the bytes of a request to each */
async function prepare(folder, name) {
  const [workload, log] = name.split("-");
  const { text, inputs, artefacts } = WORKLOADS[workload];
  const from = join(folder, name);
  mkdirSync(from);
  if (artefacts) cpSync(artefacts, from, { recursive: true });
  writeFileSync(join(from, "package.json"), "{}");
  const models = join(folder, `repository-${name}`);
  mkdirSync(models);
  const bodyFor = async (model, log) => {
    const file = join(from, `${model}.ensemble.ts`);
    writeFileSync(file, text(model, log));
    const made = await compile(file);
    if (!made.ok) throw new Error(printDiagnostics(made.diagnostics));
    build(made, models);
    const body = join(folder, `${name}-${model}.body`);
    writeFileSync(body, bodyOf(model, inputs));
    return body;
  };
  return { models, bodies: { without: await bodyFor("plain"), with: await bodyFor("logged", log) } };
}

/** One request as the bytes of a gRPC call: prefix and message. @param inputs 64-bit integers of one row, by name */
function bodyOf(model, inputs) {
  const message = encode("inference.ModelInferRequest", {
    model_name: model,
    inputs: Object.entries(inputs).map(([name, row]) => ({ name, datatype: "INT64", shape: [1, row.length] })),
    raw_input_contents: Object.values(inputs).map(row => Buffer.from(BigInt64Array.from(row, BigInt).buffer)),
  });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const targetOf = (server, body) => ({
  url: `http://127.0.0.1:${server.grpc}/inference.GRPCInferenceService/ModelInfer`,
  body,
  headers: { "content-type": "application/grpc", te: "trailers" },
});

/** Milliseconds between two bursts of the neighbor. */
const BURST_MS = 10;
const NEIGHBOR = `const end = now => { while (performance.now() < now + Number(process.argv[1])); };
setInterval(() => end(performance.now()), ${BURST_MS}); process.stdout.write("ready");`;

/** Runs work beside a process that uses a part of a core. @param part 0 to 1 */
async function besideNeighbor(core, part, work) {
  const words = ["-c", String(core), process.execPath, "-e", NEIGHBOR, String(part * BURST_MS)];
  const child = spawn("taskset", words, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  try {
    await once(child.stdout, "data");
    return await work();
  } finally {
    child.kill();
    await ended;
  }
}

/** The part of a core that the threads beside the event loop use for the log. */
function writerPart({ with: some, without: others }) {
  const part = rounds => median(rounds.map(({ cpu, loop, rate }) => ((cpu - loop) * rate) / 1e6));
  return Math.max(0, part(some) - part(others));
}

const SIDES = ["without", "with", "neighbor"];

/** One server. @param found receives the figures by level and side */
async function measureServer(models, { name, folder, bodies, number, found }) {
  const pinned = cores();
  const profile = values["cpu-prof"];
  const nodeFlags = profile ? ["--cpu-prof", `--cpu-prof-dir=${resolve(profile)}`] : [];
  const flags = [`--exposures=${join(folder, `log-${name}-${number}`)}`];
  const server = await startMerlon(models, { nodeFlags, flags });
  try {
    const targets = Object.values(bodies).map(body => targetOf(server, body));
    const least = 0.9 * Math.min(...(await Promise.all(targets.map(answerBytes))));
    const run = (body, inFlight, seconds) =>
      load(targetOf(server, body), server.pid, {
        ...{ inFlight, seconds, scratch: folder, least, core: pinned.others },
      });
    for (const body of Object.values(bodies)) await run(body, 8, WARM_SECONDS);
    pinThreads(server.pid, pinned);
    for (const body of Object.values(bodies)) await run(body, 8, 1);
    for (const level of LEVELS)
      for (let round = 0; round < ROUNDS; round++)
        for (const key of orderOf(round, found[level])) {
          const measure = () => run(bodies[key] ?? bodies.without, level, SECONDS);
          const part = key === "neighbor" && writerPart(found[level]);
          found[level][key].push(await (part === false ? measure() : besideNeighbor(pinned.others, part, measure)));
        }
  } finally {
    await server.stop();
  }
}

/** Another side is the first in each round; the neighbor needs a figure of the writer before it. */
function orderOf(round, found) {
  const first = found.with.length === 0 ? 0 : round % SIDES.length;
  return [...SIDES.slice(first), ...SIDES.slice(0, first)];
}

/** Ratios of one side to another of the same round: their median, and the middle half of them. */
function ratioOf(found, [side, other], key) {
  const ratios = found[side].map((one, i) => one[key] / found[other][i][key] - 1).toSorted((a, b) => a - b);
  const at = q => `${(100 * ratios[Math.floor(q * (ratios.length - 1))]).toFixed(1)}`;
  return `${at(0.5)} % (${at(0.25)} to ${at(0.75)})`;
}

const FIGURES = ["rate", "p50", "p99", "loop", "cpu"];
const CHANGES = [
  ["change", "with", "without"],
  ["by a neighbor", "neighbor", "without"],
  ["beyond it", "with", "neighbor"],
];

async function main() {
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  requireH2load();
  const folder = mkdtempSync(join(tmpdir(), "merlon-bench-"));
  const rows = [];
  try {
    for (const name of NAMES) {
      const { models, bodies } = await prepare(folder, name);
      const found = Object.fromEntries(LEVELS.map(level => [level, { without: [], with: [], neighbor: [] }]));
      for (let number = 0; number < SERVERS; number++)
        await measureServer(models, { name, folder, bodies, number, found });
      for (const level of LEVELS) {
        for (const key of SIDES) {
          const middle = figure => median(found[level][key].map(one => one[figure]));
          const figures = [Math.round(middle("rate")), middle("p50").toFixed(3), middle("p99").toFixed(3)];
          rows.push([name, level, key, ...figures, middle("loop").toFixed(1), middle("cpu").toFixed(0)]);
        }
        for (const [title, ...sides] of CHANGES)
          rows.push([name, level, title, ...FIGURES.map(figure => ratioOf(found[level], sides, figure))]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  table(
    [
      "ensemble and log",
      ">in flight",
      "log",
      ">requests/s",
      ">p50 ms",
      ">p99 ms",
      ">loop µs/request",
      ">CPU µs/request",
    ],
    rows,
  );
  process.stdout.write("changes: medians of the ratios of alternating rounds, and their middle half\n");
}

await main();

// The server under load: identity, ONNX and ensembles over gRPC and HTTP at 1, 8 and 32 in flight. Beside it a bare grpc-js echo server,
// and sockets of node:net with answers of a fixed form, the bounds of any server in Node. A real Triton 2.51 is added if MERLON_BENCH_TRITON
// names a virtual environment with nvidia-pytriton 0.7.0 and numpy. Rounds alternate between the servers, one load generator (h2load) drives
// all: `npm run bench:server`. For large messages, a server in C that only discards them shows the bound of any server on this machine, beside
// this generator. Prints a table; nothing is asserted, since machines differ.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../../scripts/demo/terminal.mjs";
import { answerBytes, load, requireH2load } from "./server/load.mjs";
import { LARGE, merlonRepository, tritonRepository, workloads } from "./server/models.mjs";
import {
  bareNodeMs,
  FLOOR,
  residentMegabytes,
  startBareGrpc,
  startBareHttp,
  startEcho,
  startFloor,
  startMerlon,
  startTriton,
} from "./server/processes.mjs";

const HELP = `usage: npm run bench:server -- [options]
  --rounds N      alternating rounds, whose median is shown (3)
  --seconds N     of load in each round, whole ones (2)
  --in-flight L   comma-separated (1,8,32)
  --filter TEXT   only workloads whose name contains it
  --starts N      of each server, from start to ready to exit (20)
  --beside TREE   compares with another built tree of Merlon, as of a commit before, and with nothing else
  --short         one round of a second at 8 in flight: whether everything runs, and roughly how
  --cpu-prof DIR  Merlon writes a CPU profile there
examples: npm run bench:server -- --filter 'gRPC identity' --rounds 5
          git worktree add ../before HEAD~1, build there, npm run bench:server -- --beside ../before --in-flight 8`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "2" },
    "in-flight": { type: "string", default: "1,8,32" },
    filter: { type: "string", default: "" },
    starts: { type: "string", default: "20" },
    beside: { type: "string" },
    short: { type: "boolean", default: false },
    "cpu-prof": { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const [ROUNDS, SECONDS] = values.short ? [1, 1] : [Number(values.rounds), Number(values.seconds)];
for (const [option, value] of Object.entries({ rounds: ROUNDS, seconds: SECONDS }))
  if (!Number.isInteger(value) || value < 1) {
    console.error(
      `--${option} ${values[option]}: write a whole number from 1 (the load generators count whole seconds)`,
    );
    process.exit(2);
  }
const STARTS = values.short ? 3 : Number(values.starts);
const LEVELS = values.short ? [8] : values["in-flight"].split(",").map(Number);
/** The bars of each pair: minimum rate, maximum CPU time. */
const BARS =
  "bars: 1.15 × the rate and 0.9 × the CPU time of grpc-js; 3 × the rate of Triton's Python back end; ready and gone within 200 ms";
/** A just-in-time compiler needs some thousand requests. */
const WARM_SECONDS = 3;
/** The other tree's server in the tables. */
const BESIDE = "merlon beside";
const TRITON = process.env.MERLON_BENCH_TRITON;

const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const spread = numbers =>
  `±${Math.round((100 * (Math.max(...numbers) - Math.min(...numbers))) / 2 / median(numbers))}%`;

/** Rounds of one workload at one level: a row for each server, compared with the other one. */
async function measure({ name, protocol, path, body, headers }, inFlight, servers, scratch) {
  const target = server => ({
    url: `http://127.0.0.1:${server[protocol]}${path}`,
    body,
    headers,
    http1: protocol === "http",
  });
  const results = new Map(servers.map(server => [server.name, []]));
  const run = async (server, seconds) =>
    load(target(server), server.pid, { inFlight, seconds, scratch, least: least.get(server) });
  const least = new Map();
  for (const server of servers) {
    // JSON's numbers vary in length: a response may be a little shorter than another.
    least.set(server, 0.9 * (await answerBytes(target(server))));
    // Warm from the first level on.
    if (inFlight === LEVELS[0]) await run(server, WARM_SECONDS);
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const server of round % 2 ? servers.toReversed() : servers)
      results.get(server.name).push(await run(server, SECONDS));
  const middle = (of, key) => median(results.get(of).map(one => one[key]));
  const other = servers.find(server => server.name !== "merlon" && server.name !== FLOOR)?.name;
  return servers.map(server => {
    const [rate, cpu] = [middle(server.name, "rate"), middle(server.name, "cpu")];
    const compared = other && server.name !== other;
    return [
      name,
      inFlight,
      server.name,
      Math.round(rate),
      spread(results.get(server.name).map(one => one.rate)),
      middle(server.name, "p50").toFixed(3),
      middle(server.name, "p99").toFixed(3),
      cpu.toFixed(0),
      compared ? (rate / middle(other, "rate")).toFixed(2) : "",
      compared ? (cpu / middle(other, "cpu")).toFixed(2) : "",
    ];
  });
}

/** Start to ready, SIGTERM to exit, memory: medians of starts that alternate. */
async function lifetimes(starts) {
  const runs = starts.map(() => []);
  const bare = [];
  for (let i = 0; i < STARTS; i++) {
    bare.push(await bareNodeMs());
    for (const [which, start] of starts.entries()) {
      const server = await start();
      const rss = residentMegabytes(server.pid);
      const { name, readyMs: ready, readyCpuMs: cpu } = server;
      runs[which].push({ name, ready, cpu, rss, stop: await server.stop() });
    }
  }
  const rows = runs.map(of => {
    const middle = key => median(of.map(run => run[key])).toFixed(0);
    const least = Math.min(...of.map(run => run.ready)).toFixed(0);
    return [of[0].name, middle("ready"), least, middle("cpu"), middle("stop"), middle("rss")];
  });
  return [...rows, ["(node -e 0, to its end)", median(bare).toFixed(0), Math.min(...bare).toFixed(0), "", "", ""]];
}

async function startOthers(begin, pythonRepository, scratch) {
  await begin(startEcho());
  await begin(startBareHttp());
  await begin(startBareGrpc());
  if (TRITON) await begin(startTriton(TRITON, pythonRepository, scratch));
  else process.stdout.write("MERLON_BENCH_TRITON is not set: no real Triton beside.\n");
  const hasFloor = await begin(startFloor(4 * LARGE, scratch));
  if (!hasFloor) process.stdout.write("cc is not here: no bound of large messages beside.\n");
}

async function main() {
  requireH2load();
  const scratch = mkdtempSync(join(tmpdir(), "merlon-bench-"));
  const running = [];
  try {
    const repository = merlonRepository(join(scratch, "merlon"));
    const pythonRepository = tritonRepository(join(scratch, "triton"));
    const profile = values["cpu-prof"];
    const begin = async starting => {
      const server = await starting;
      if (server) running.push(server);
      return server;
    };
    await begin(startMerlon(repository, { nodeFlags: profile ? ["--cpu-prof", `--cpu-prof-dir=${profile}`] : [] }));
    if (values.beside) await begin(startMerlon(repository, { root: resolve(values.beside), name: BESIDE }));
    else await startOthers(begin, pythonRepository, scratch);
    const rows = [];
    const chosen = workloads(scratch)
      .filter(({ name }) => name.includes(values.filter))
      .map(work => (values.beside ? { ...work, servers: ["merlon", BESIDE] } : work));
    const pairs = chosen.flatMap(({ servers }) => servers.filter(of => running.some(({ name }) => name === of)));
    const minutes = (pairs.length * (WARM_SECONDS + LEVELS.length * ROUNDS * (SECONDS + 1))) / 60;
    process.stdout.write(
      `${chosen.length} workloads at ${LEVELS.join(", ")} in flight: about ${Math.ceil(minutes)} minutes\n`,
    );
    for (const work of chosen)
      for (const inFlight of LEVELS) {
        const servers = running.filter(({ name }) => work.servers.includes(name));
        rows.push(...(await measure(work, inFlight, servers, scratch)));
        process.stdout.write(".");
      }
    process.stdout.write("\n");
    table(
      ["workload", ">in flight", "server", ">per s", "spread", ">p50 ms", ">p99 ms", ">CPU µs", ">rate ×", ">CPU ×"],
      rows,
      "",
    );
    process.stdout.write(`${BARS}\n`);
    const resident = running.map(server => `${server.name} ${residentMegabytes(server.pid).toFixed(0)} MB`);
    process.stdout.write(`memory after the load: ${resident.join(", ")}\n`);
    await Promise.all(running.splice(0).map(server => server.stop()));
    if (!values.filter) {
      const starts = [() => startMerlon(repository)];
      if (values.beside) starts.push(() => startMerlon(repository, { root: resolve(values.beside), name: BESIDE }));
      else if (TRITON) starts.push(() => startTriton(TRITON, pythonRepository, scratch));
      table(
        ["server", ">start → ready ms", ">least", ">CPU ms till then", ">SIGTERM → exit ms", ">memory MB"],
        await lifetimes(starts),
        "",
      );
    }
  } finally {
    await Promise.all(running.map(server => server.stop()));
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (values.help) process.stdout.write(`${HELP}\n`);
else await main();

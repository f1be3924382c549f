// Each stage alone and the whole ensemble, p50 and p99, at batch 1, 8 and 64 with 100 and 1,000 candidates: `npm run
// bench:stages`. Beside them, in one run on the same artefacts: the raw library calls, Merlin Systems' executor, and a hand-written Python model on a
// real Triton.
//
// Two programs written by hand in Node stand for the raw calls of every stage (stages/raw-program.mjs).
// - on arrays: features in typed arrays that were read once, and the index by our own binding. It is the fastest that we know to write.
// - libraries: the store read by better-sqlite3 and protobufjs for each request, and the index by faiss-node. They are the libraries as npm has them.
//
// Both call onnxruntime-node's `run`. Neither
// validates, counts, times, batches, cancels or reloads. Over gRPC they answer from a bare grpc-js server. The table of stages names the
// source of each figure: a library's call, or a loop by hand if no library does the stage. The bar of 1.25 is for calls of libraries.
//
//   --seconds N        seconds per figure (default 2, with --short 1)
//   --triton ENV       a virtual environment with nvidia-pytriton, onnxruntime and faiss-cpu
//   --merlin ENV       a virtual environment with Merlin Systems 23.08 (tests/oracles/merlin)
//   --keep FOLDER      where the artefacts are made, and found the next time
//   --stores           the table of feature stores alone (with redis-server)
//   --sizes LIST       such as flat-1x100,ivf-8x100: index, batch, candidates
// Prints tables; nothing is asserted, since machines differ. Bars of the design are named beside their ratios.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { say, table } from "../../scripts/demo/terminal.mjs";
import { startMerlon, startTriton } from "./server/processes.mjs";
import { feastStoreRows } from "./stages/feast-stores.mjs";
import { inTurn, openInProcess } from "./stages/in-process.mjs";
import { client, measure } from "./stages/measure.mjs";
import { doneBy, hasBinding, openProgram } from "./stages/raw-program.mjs";
import { ITEMS, makeShop, USERS } from "./stages/shop.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    short: { type: "boolean", default: false },
    triton: { type: "string" },
    merlin: { type: "string" },
    keep: { type: "string" },
    sizes: { type: "string" },
    stores: { type: "boolean", default: false },
  },
});
const SECONDS = Number(values.seconds ?? (values.short ? 1 : 2));
const folder = values.keep ?? mkdtempSync(join(tmpdir(), "merlon-stages-"));
const ms = time => time.toFixed(3);
const times = ratio => `${ratio.toFixed(2)} x`;
const least = runs => ({ p50: Math.min(...runs.map(r => r.p50)), p99: Math.min(...runs.map(r => r.p99)) });

/** Programs by hand, as the tables name them; without our binding the arrays go with faiss-node. */
const WRITTEN = {
  "on arrays": { store: "memory", search: hasBinding ? "binding" : "faiss-node" },
  libraries: { store: "sqlite", search: "faiss-node" },
};
/** Stages that are one call of ONNX Runtime or FAISS. */
const CALLS = ["tower.predictOnnx", "retrieval.queryFaiss", "ranking.predictOnnx"];

/** In this process: each stage, and the whole without the wire. */
async function withoutWire(server, { index, batch, topk }) {
  const programs = {};
  for (const [name, ways] of Object.entries(WRITTEN))
    programs[name] = await openProgram(folder, { index, topk, ...ways });
  const found = await inTurn(server.model(`recommend_${index}_${topk}`), programs, { batch, users: USERS }, SECONDS);
  for (const program of Object.values(programs)) await program.close();
  return found;
}

/** Over gRPC, each server in a process of its own, one after the other and again: what else the machine does meets all. */
async function overGrpc(merlon, { index, batch, topk }) {
  const services = [];
  const clients = { merlon: client(merlon.grpc, `recommend_${index}_${topk}`, batch, USERS) };
  for (const [name, { store, search }] of Object.entries(WRITTEN)) {
    const service = await startWritten([folder, index, String(topk), store, search]);
    services.push(service);
    clients[name] = client(service.port, "by_hand", batch, USERS);
  }
  const rounds = new Map(Object.keys(clients).map(name => [name, []]));
  for (let round = 0; round < 3; round++)
    for (const [name, { call }] of Object.entries(clients))
      rounds.get(name).push(await measure(call, 1, SECONDS / 2, batch > 8 ? 1 : 20));
  for (const { close } of Object.values(clients)) close();
  for (const { stop } of services) await stop();
  return new Map([...rounds].map(([name, runs]) => [name, least(runs)]));
}

async function startWritten(args) {
  const child = spawn(process.execPath, [fileURLToPath(new URL("stages/raw-server.mjs", import.meta.url)), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise(resolve => child.once("exit", resolve));
  const port = await Promise.race([
    new Promise(resolve => child.stdout.once("data", text => resolve(Number(text)))),
    ended.then(code => Promise.reject(new Error(`the program by hand ended with ${code}`))),
  ]);
  const stop = () => {
    child.kill();
    return ended;
  };
  return { port, stop };
}

/** The Python model's repository: the file as it is, with the folder of the artefacts written in. */
function pythonRepository() {
  const from = fileURLToPath(new URL("stages/python_model", import.meta.url));
  const to = join(folder, "python-repo");
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to);
  cpSync(from, join(to, "python_model"), { recursive: true });
  const config = join(to, "python_model", "config.pbtxt");
  writeFileSync(config, readFileSync(config, "utf8").replace("$FOLDER", folder));
  return to;
}

async function besidePython(merlon) {
  const triton = await startTriton(values.triton, pythonRepository(), folder);
  try {
    const ours = client(merlon.grpc, "recommend_flat_100", 1, USERS);
    const theirs = client(triton.grpc, "python_model", 1, USERS);
    const rows = [];
    for (const inFlight of [1, 8]) {
      const [a, b] = [[], []];
      for (let round = 0; round < 3; round++) {
        a.push(await measure(theirs.call, inFlight, SECONDS));
        b.push(await measure(ours.call, inFlight, SECONDS));
      }
      const best = runs => runs.reduce((x, y) => (x.rate > y.rate ? x : y));
      const [python, node] = [best(a), best(b)];
      const row = (name, one, ratio) => [inFlight, name, ms(one.p50), ms(one.p99), Math.round(one.rate), ratio];
      rows.push(row("Python model on Triton 2.51", python, ""), row("merlon", node, times(node.rate / python.rate)));
    }
    ours.close();
    theirs.close();
    return rows;
  } finally {
    await triton.stop();
  }
}

function besideMerlin() {
  const { stdout, stderr, status } = spawnSync(
    join(values.merlin, "bin/python"),
    [fileURLToPath(new URL("stages/merlin_executor.py", import.meta.url)), folder, String(SECONDS * 2)],
    { encoding: "utf8", env: { ...process.env, FEAST_USAGE: "False" }, cwd: folder },
  );
  // Feast prints its progress to stderr too: the error is the end of it.
  if (status !== 0) throw new Error(`Merlin's executor failed:\n${(stderr ?? "").split("\n").slice(-25).join("\n")}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

/** Ours is measured before theirs and after, and the slower one is used: other load must not favor us. */
async function rowsBesideMerlin(merlon, server) {
  const wire = client(merlon.grpc, "recommend_flat_100", 1, USERS);
  const { ask } = server.model("recommend_flat_100");
  const own = i => ask(new Uint8Array(BigInt64Array.of(BigInt(1 + ((i * 37) % USERS))).buffer));
  const ours = async () => [await measure(own, 1, SECONDS), await measure(wire.call, 1, SECONDS)];
  const before = await ours();
  const theirs = besideMerlin();
  const after = await ours();
  wire.close();
  return [
    ["Merlin's LocalExecutor", ms(theirs.p50), ms(theirs.p99), ""],
    ...["the plan, in process", "merlon over gRPC"].map((name, i) => {
      const slower = before[i].p50 > after[i].p50 ? before[i] : after[i];
      return [name, ms(slower.p50), ms(slower.p99), times(theirs.p50 / slower.p50)];
    }),
  ];
}

const SIZES = values.sizes
  ? values.sizes.split(",").map(text => {
      const [, index, batch, topk] = /^(flat|ivf)-(\d+)x(\d+)$/.exec(text);
      return { index, batch: Number(batch), topk: Number(topk) };
    })
  : ["flat", "ivf"]
      .flatMap(index => [1, 8, 64].flatMap(batch => [100, 1000].map(topk => ({ index, batch, topk }))))
      .filter(({ index, batch, topk }) => index === "flat" || (topk === 100 && (batch === 1 || !values.short)));

/** Rows of the three tables. */
function rowsOf({ index, batch, topk }, inProcess, wire) {
  const name = `${index}, ${topk} candidates, batch ${batch}`;
  const plan = inProcess.get("plan");
  const written = Object.keys(WRITTEN);
  const stages = [...plan]
    .filter(([stage]) => stage !== "")
    .map(([stage, own], i) => [
      ...[i === 0 ? name : "", stage, ms(own.p50), ms(own.p99)],
      ...written.flatMap(by => {
        const { p50 } = inProcess.get(by).get(stage);
        return [doneBy(stage, WRITTEN[by]), ms(p50), times(own.p50 / p50)];
      }),
    ]);
  const calls = CALLS.reduce((sum, call) => sum + inProcess.get("on arrays").get(call).p50, 0);
  const whole = plan.get("");
  const without = [
    [name, "the plan, in process", ms(whole.p50), ms(whole.p99), ""],
    ["", "its ONNX and index calls alone", ms(calls), "", times(whole.p50 / calls)],
    ...written.map(by => {
      const { p50, p99 } = inProcess.get(by).get("");
      return ["", `all stages by hand, ${by}`, ms(p50), ms(p99), times(whole.p50 / p50)];
    }),
  ];
  const served = wire.get("merlon");
  const over = [
    [name, "merlon", ms(served.p50), ms(served.p99), ""],
    ["", "its ONNX and index calls alone, no wire", ms(calls), "", times(served.p50 / calls)],
    ...written.map(by => {
      const { p50, p99 } = wire.get(by);
      return ["", `by hand on grpc-js, ${by}`, ms(p50), ms(p99), times(served.p50 / p50)];
    }),
  ];
  return { stages, without, over };
}

async function sayStores() {
  const rows = await feastStoreRows(SECONDS * 1000);
  if (!rows) {
    say("\nNo redis-server: feature stores are not compared.");
    return;
  }
  const sizes = ["1", "64", "1,000", "10,000", "10,000 of 100 items"];
  say(
    "\nLook-ups of three features by store and rows of a request, p50 and p99 in ms; the bar is 2 x the raw commands",
  );
  table(["store", ...sizes.flatMap(size => [`>${size}`, ">p99"])], rows, "");
}

const began = performance.now();
await sayStores();
if (values.stores) process.exit();
await makeShop(folder, what => say(`making ${what} …`));
const merlon = await startMerlon(join(folder, "model-repo"));
const server = await openInProcess(join(folder, "model-repo"));
try {
  const [stages, without, over] = [[], [], []];
  for (const size of SIZES) {
    const rows = rowsOf(size, await withoutWire(server, size), await overGrpc(merlon, size));
    stages.push(...rows.stages);
    without.push(...rows.without);
    over.push(...rows.over);
  }
  say(
    `\nStages, each beside the same one by hand (${ITEMS.toLocaleString("en-US")} items of 64 dimensions); the bar is 1.25 x a library's call`,
  );
  table(
    ["what", "stage", ">p50 ms", ">p99 ms", ...Object.keys(WRITTEN).flatMap(by => [by, ">p50 ms", ">ratio"])],
    stages,
    "",
  );
  say("\nThe whole without the wire; the bar is 1.25 x the raw calls of all stages");
  table(["what", "", ">p50 ms", ">p99 ms", ">plan / this"], without, "");
  say("\nThe whole over gRPC; the bar is 1.25 x the raw calls behind a bare gRPC server");
  table(["what", "", ">p50 ms", ">p99 ms", ">merlon / this"], over, "");
  if (values.triton) {
    say("\nBeside the Python model; bars are 1.5 x at 1 in flight and 3 x at 8");
    table([">in flight", "what", ">p50 ms", ">p99 ms", ">per second", ">rate"], await besidePython(merlon), "");
  }
  if (values.merlin) {
    say("\nBeside Merlin Systems 23.08's executor, which runs in process; the bar is 50 x");
    table(["what", ">p50 ms", ">p99 ms", ">faster"], await rowsBesideMerlin(merlon, server), "");
  }
} finally {
  await server.stop();
  await merlon.stop();
  if (!values.keep) rmSync(folder, { recursive: true, force: true });
}
say(`\n${((performance.now() - began) / 1000).toFixed(0)} s`);

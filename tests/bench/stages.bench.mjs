// Each stage alone and the whole ensemble, p50 and p99, at batch 1, 8 and 64 with 100 and 1,000 candidates, beside the raw library calls, beside Merlin
// Systems' executor and beside a hand-written Python model on a real Triton, all on the same artefacts, in one run: `npm run bench:stages`.
//
//   --seconds N        how long each figure is taken (default 2; --short: 1)
//   --triton ENV       a virtual environment with nvidia-pytriton, onnxruntime and faiss-cpu
//   --merlin ENV       a virtual environment with Merlin Systems 23.08 (tests/oracles/merlin)
//   --keep FOLDER      where the artefacts are made, and found the next time
// Prints tables; nothing is asserted, since machines differ. Bars: design of the stages, in the tables' last column.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
import { readTensorJson } from "../../dist/runtime/cassettes/tensor-json.js";
import { say, table } from "../../scripts/demo/terminal.mjs";
import { startMerlon, startTriton } from "./server/processes.mjs";
import { client, measure, quantiles } from "./stages/measure.mjs";
import { ITEMS, makeShop, USERS } from "./stages/shop.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    short: { type: "boolean", default: false },
    triton: { type: "string" },
    merlin: { type: "string" },
    keep: { type: "string" },
  },
});
const SECONDS = Number(values.seconds ?? (values.short ? 1 : 2));
const require = createRequire(import.meta.url);
const { Index } = require("faiss-node");
const ownBinding = fileURLToPath(new URL("../../build/Release/merlon-faiss.node", import.meta.url));
const own = existsSync(ownBinding) ? require(ownBinding) : undefined;
const folder = values.keep ?? mkdtempSync(join(tmpdir(), "merlon-stages-"));
const WARM_UP = 20;
const ms = time => time.toFixed(3);
const times = ratio => `${ratio.toFixed(2)} x`;

/** Two ways to the same answer: the sum has the faster one. */
const [INDEX, OWN_INDEX] = ["index (faiss-node)", "index (own binding)"];
const [TOWER, RANKER] = ["tower (ONNX)", "ranker (ONNX)"];

/**
 * The calls that a request is made of, by the libraries alone: the tensors that the ensemble gives them, for the same users, and one call after the
 * other as a request makes them, so that each finds the caches as the one before left them.
 */
async function rawCalls(port, index, batch, topk) {
  const open = model => ort.InferenceSession.create(join(folder, `${model}.onnx`), { intraOpNumThreads: 1 });
  const [tower, ranker, faiss] = [
    await open("tower"),
    await open("ranker"),
    Index.read(join(folder, `${index}.faiss`)),
  ];
  const opened = await own?.open(join(folder, `${index}.faiss`));
  const inputs = await stageInputs(port, `recommend_${index}_${topk}`, batch);
  const input = i => inputs[i % inputs.length];
  const parts = {
    [TOWER]: i => tower.run(input(i).tower),
    [OWN_INDEX]: own && (i => own.searchSync(opened.handle, input(i).queries, batch, topk)),
    [RANKER]: i => ranker.run(input(i).ranker),
  };
  const chain = own ? [TOWER, OWN_INDEX, RANKER] : [TOWER, RANKER];
  return {
    /** One request's calls → milliseconds of each. */
    async request(i) {
      const times = {};
      for (const part of chain) {
        const began = performance.now();
        await parts[part](i);
        times[part] = performance.now() - began;
      }
      return times;
    },
    faiss: i => faiss.search(input(i).query, topk),
    close: async () => {
      await tower.release();
      await ranker.release();
      if (own) own.close(opened.handle);
    },
  };
}

/** What the steps of the served plan made of each request of the client, as the calls take it. */
async function stageInputs(port, model, batch) {
  const asked = client(port, model, batch, USERS, { stages: { bool_param: true } });
  const inputs = [];
  for (let i = 0; i < 50; i++) {
    const { parameters } = await asked.read(i);
    const made = stage =>
      new Map(
        JSON.parse(parameters[`stage.${stage}`].string_param).map(tensor => [
          tensor.name,
          ortTensor(readTensorJson(tensor)),
        ]),
      );
    const [user, pairs] = [made("tower.transformWorkflow"), made("ranking.transformWorkflow")];
    const pick = (tensors, names) => Object.fromEntries(names.map(name => [name, tensors.get(name)]));
    const queries = made("tower.predictOnnx").get("query_embedding").data;
    inputs.push({
      tower: pick(user, ["city", "age"]),
      queries,
      query: Array.from(queries),
      ranker: pick(pairs, ["item_id", "category", "brand", "city", "price", "age"]),
    });
  }
  asked.close();
  return inputs;
}

function ortTensor({ datatype, data }) {
  const { buffer } = Uint8Array.from(data);
  const [type, values] =
    datatype === "INT64" ? ["int64", new BigInt64Array(buffer)] : ["float32", new Float32Array(buffer)];
  return new ort.Tensor(type, values, [values.length]);
}

/** Milliseconds of each stage of a request, as the server tells them. */
async function stageTimes(port, model, batch) {
  const asked = client(port, model, batch, USERS, { timings: { bool_param: true } });
  const found = new Map();
  // A p99 of fewer than a hundred requests is the slowest of them.
  const requests = batch > 8 ? 100 : 500;
  for (let i = 0; i < requests + WARM_UP; i++) {
    const { parameters } = await asked.read(i);
    if (i < WARM_UP) continue;
    for (const [name, value] of Object.entries(parameters))
      if (name.startsWith("timing.")) {
        const stage = name.slice("timing.".length);
        found.set(stage, [...(found.get(stage) ?? []), Number(value.double_param) / 1000]);
      }
  }
  asked.close();
  return found;
}

async function beside(port, index, batch, topk) {
  const model = `recommend_${index}_${topk}`;
  const raw = await rawCalls(port, index, batch, topk);
  const whole = client(port, model, batch, USERS);
  // One after the other and again: what else the machine does meets both.
  const rounds = { parts: new Map(), raw: [], faiss: [], whole: [] };
  for (let round = 0; round < 3; round++) {
    const times = [];
    const took = i => raw.request(i).then(one => void times.push(one));
    rounds.raw.push(await measure(took, 1, SECONDS / 2, 3));
    for (const part of Object.keys(times[0])) {
      const { p50, p99 } = quantiles(times.slice(3).map(one => one[part]));
      rounds.parts.set(part, [...(rounds.parts.get(part) ?? []), { p50, p99 }]);
    }
    rounds.faiss.push(await measure(async i => raw.faiss(i), 1, SECONDS / 6, 3));
    rounds.whole.push(await measure(whole.call, 1, SECONDS / 2, 3));
  }
  const least = runs => ({ p50: Math.min(...runs.map(r => r.p50)), p99: Math.min(...runs.map(r => r.p99)) });
  const [chain, library, all] = [least(rounds.raw), least(rounds.faiss), least(rounds.whole)];
  const each = [...rounds.parts].map(([part, runs]) => ({ part, ...least(runs) }));
  const searched = each.find(({ part }) => part === OWN_INDEX);
  // The library alone, where that is faster, or there is no binding of our own.
  const saved = searched && searched.p50 <= library.p50 ? 0 : (searched?.p50 ?? 0) - library.p50;
  const sum = { p50: chain.p50 - saved, p99: chain.p99 - saved };
  whole.close();
  await raw.close();
  const name = `${index}, ${topk} candidates, batch ${batch}`;
  return {
    rows: [
      [name, "raw calls, one after the other", ms(sum.p50), ms(sum.p99), ""],
      ["", "the ensemble over gRPC", ms(all.p50), ms(all.p99), times(all.p50 / sum.p50)],
    ],
    parts: [...each, { part: INDEX, ...library }].map(({ part, p50, p99 }) => [name, part, ms(p50), ms(p99)]),
  };
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

const began = performance.now();
await makeShop(folder, what => say(`making ${what} …`));
const merlon = await startMerlon(join(folder, "model-repo"));
try {
  const sizes = values.short
    ? [
        ["flat", 1, 100],
        ["ivf", 1, 100],
        ["flat", 8, 100],
        ["flat", 64, 100],
        ["flat", 1, 1000],
        ["flat", 8, 1000],
      ]
    : ["flat", "ivf"].flatMap(index =>
        [1, 8, 64].flatMap(batch => (index === "flat" ? [100, 1000] : [100]).map(topk => [index, batch, topk])),
      );
  const [rows, parts, stages] = [[], [], []];
  for (const [index, batch, topk] of sizes) {
    const found = await beside(merlon.grpc, index, batch, topk);
    rows.push(...found.rows);
    parts.push(...found.parts);
    for (const [stage, all] of await stageTimes(merlon.grpc, `recommend_${index}_${topk}`, batch)) {
      const { p50, p99 } = quantiles(all);
      stages.push([`${index}, ${topk} candidates, batch ${batch}`, stage, ms(p50), ms(p99)]);
    }
  }
  say(`\nThe whole (${ITEMS.toLocaleString("en-US")} items of 64 dimensions); the bar is 1.25 x`);
  table(["what", "", ">p50 ms", ">p99 ms", ">p50 / raw"], rows, "");
  say("\nRaw calls");
  table(["what", "call", ">p50 ms", ">p99 ms"], parts, "");
  say("\nStages, as the server times them, waiting included");
  table(["what", "stage", ">p50 ms", ">p99 ms"], stages, "");
  if (values.triton) {
    say("\nBeside the Python model; bars are 1.5 x at 1 in flight and 3 x at 8");
    table([">in flight", "what", ">p50 ms", ">p99 ms", ">per second", ">rate"], await besidePython(merlon), "");
  }
  if (values.merlin) {
    const theirs = besideMerlin();
    const ours = client(merlon.grpc, "recommend_flat_100", 1, USERS);
    const own = await measure(ours.call, 1, SECONDS);
    ours.close();
    say("\nBeside Merlin Systems 23.08's executor; the bar is 50 x");
    table(
      ["what", ">p50 ms", ">p99 ms", ">faster"],
      [
        ["Merlin's LocalExecutor, in process", ms(theirs.p50), ms(theirs.p99), ""],
        ["merlon over gRPC", ms(own.p50), ms(own.p99), times(theirs.p50 / own.p50)],
      ],
      "",
    );
  }
} finally {
  await merlon.stop();
  if (!values.keep) rmSync(folder, { recursive: true, force: true });
}
say(`\n${((performance.now() - began) / 1000).toFixed(0)} s`);

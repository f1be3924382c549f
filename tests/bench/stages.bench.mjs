// Each stage alone and the whole ensemble, p50 and p99, at batch 1, 8 and 64 with 100 and 1,000 candidates, beside the raw library calls, beside Merlin
// Systems' executor and beside a hand-written Python model on a real Triton, all on the same artefacts, in one run: `npm run bench:stages`.
//
//   --seconds N        how long each figure is taken (default 2; --short: 1)
//   --triton ENV       a virtual environment with nvidia-pytriton, onnxruntime and faiss-cpu
//   --merlin ENV       a virtual environment with Merlin Systems 23.08 (tests/oracles/merlin)
//   --keep FOLDER      where the artefacts are made, and found the next time
// Prints tables; nothing is asserted, since machines differ. Bars: design of the stages, in the tables' last column.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
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
const ms = time => time.toFixed(3);
const times = ratio => `${ratio.toFixed(2)} x`;

/** Two ways to the same answer: the sum has the faster one. */
const [INDEX, OWN_INDEX] = ["index (faiss-node)", "index (own binding)"];

/** The calls that a request is made of, by the libraries alone, with inputs of the shapes that the ensemble gives them. */
async function rawCalls(index, batch, topk) {
  const open = model => ort.InferenceSession.create(join(folder, `${model}.onnx`), { intraOpNumThreads: 1 });
  const [tower, ranker, faiss] = [
    await open("tower"),
    await open("ranker"),
    Index.read(join(folder, `${index}.faiss`)),
  ];
  const ints = (n, most) => BigInt64Array.from({ length: n }, (_, i) => BigInt(3 + (i % most)));
  const int64 = (n, most) => new ort.Tensor("int64", ints(n, most), [n]);
  const floats = n => new ort.Tensor("float32", new Float32Array(n).fill(0.5), [n]);
  const one = { city: int64(batch, 1000), age: floats(batch) };
  const pairs = batch * topk;
  const many = {
    ...{
      item_id: int64(pairs, ITEMS),
      category: int64(pairs, 200),
      brand: int64(pairs, 2000),
      city: int64(pairs, 1000),
    },
    ...{ price: floats(pairs), age: floats(pairs) },
  };
  const vectors = (await tower.run(one)).query_embedding.data;
  const query = Array.from(vectors);
  const opened = await own?.open(join(folder, `${index}.faiss`));
  return {
    calls: [
      ["tower (ONNX)", () => tower.run(one)],
      [INDEX, () => faiss.search(query, topk)],
      ...(own ? [[OWN_INDEX, () => own.searchSync(opened.handle, vectors, batch, topk)]] : []),
      ["ranker (ONNX)", () => ranker.run(many)],
    ],
    close: async () => {
      await tower.release();
      await ranker.release();
      if (own) own.close(opened.handle);
    },
  };
}

/** Milliseconds of each stage of a request, as the server tells them. */
async function stageTimes(port, model, batch) {
  const asked = client(port, model, batch, USERS, { timings: { bool_param: true } });
  const found = new Map();
  for (let i = 0; i < (batch > 8 ? 12 : 60); i++) {
    const { parameters } = await asked.read(i);
    if (i < 4) continue;
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
  const raw = await rawCalls(index, batch, topk);
  const whole = client(port, model, batch, USERS);
  // One after the other and again: what else the machine does meets both.
  const parts = raw.calls.map(() => []);
  const wholes = [];
  for (let round = 0; round < 3; round++) {
    for (const [i, [, call]] of raw.calls.entries()) parts[i].push(await measure(call, 1, SECONDS / 6, 3));
    wholes.push(await measure(whole.call, 1, SECONDS / 2, 3));
  }
  const least = runs => ({ p50: Math.min(...runs.map(r => r.p50)), p99: Math.min(...runs.map(r => r.p99)) });
  const each = raw.calls.map(([part], i) => ({ part, ...least(parts[i]) }));
  const searches = each.filter(({ part }) => part === INDEX || part === OWN_INDEX).toSorted((a, b) => a.p50 - b.p50);
  const sum = each
    .filter(one => !searches.slice(1).includes(one))
    .reduce((a, b) => ({ p50: a.p50 + b.p50, p99: a.p99 + b.p99 }));
  const all = least(wholes);
  whole.close();
  await raw.close();
  const name = `${index}, ${topk} candidates, batch ${batch}`;
  return {
    rows: [
      [name, "raw calls, their sum", ms(sum.p50), ms(sum.p99), ""],
      ["", "the ensemble over gRPC", ms(all.p50), ms(all.p99), times(all.p50 / sum.p50)],
    ],
    parts: each.map(({ part, p50, p99 }) => [name, part, ms(p50), ms(p99)]),
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
  const text = execFileSync(
    join(values.merlin, "bin/python"),
    [fileURLToPath(new URL("stages/merlin_executor.py", import.meta.url)), folder, String(SECONDS * 2)],
    {
      encoding: "utf8",
      env: { ...process.env, FEAST_USAGE: "False" },
      stdio: ["ignore", "pipe", "ignore"],
      cwd: folder,
    },
  );
  return JSON.parse(text.trim().split("\n").at(-1));
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

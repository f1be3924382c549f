// An ensemble three ways, in one run over HTTP: the executor, a graph per step, and one fused graph. Each is as `merlon serve` runs it, in a process
// of its own: `npm run bench:lowered`.
//
//   --seconds N        how long each figure is taken (default 2)
//   --triton ENV       takes the four stages of `bench:stages` instead of the shop, beside the hand-written Python model on a real Triton. ENV is a
//                      virtual environment with nvidia-pytriton, onnxruntime and faiss-cpu
//   --keep FOLDER      of `--triton`: where the artefacts are made, and found the next time
//   --also NAME=URL    a server that serves the same entry, such as a Triton of your own
// Prints a table; nothing is asserted, since machines differ.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, compile } from "../../dist/compiler/index.js";
import { freezeFeatures } from "../../dist/runtime/stores/feast/freeze-features.js";
import { say, table } from "../../scripts/demo/terminal.mjs";
import { median } from "../stress/figures.mjs";
import { cpuSeconds, startMerlon, startTriton } from "./server/processes.mjs";
import { makeShop, USERS } from "./stages/shop.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    also: { type: "string", multiple: true, default: [] },
    triton: { type: "string" },
    keep: { type: "string" },
  },
});
const SECONDS = Number(values.seconds);
const BATCHES = [1, 8, 64];
const CANDIDATES = [100, 1000];
const ROUNDS = 4;
const SHOP = fileURLToPath(new URL("../../examples/shop/recommend.ensemble.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-lowered-"));

const FORMS = [
  ["executor", {}],
  ["steps", { triton: { freeze: freezeFeatures } }],
  ["fused", { triton: { freeze: freezeFeatures, fuse: true } }],
];

/** Sends one request after the other for a while. @returns milliseconds of each, and the server's milliseconds of CPU per request */
async function measure({ url, pid }, { model, userOf }, batch, seconds) {
  const data = Array.from({ length: batch }, (_, i) => userOf(i));
  const body = JSON.stringify({ inputs: [{ name: "user_id", shape: [batch, 1], datatype: "INT64", data }] });
  const ask = async () => {
    const response = await fetch(`${url}/v2/models/${model}/infer`, { method: "POST", body });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
  };
  for (let i = 0; i < 3; i++) await ask();
  const times = [];
  const cpu = pid && cpuSeconds(pid);
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || times.length < 5) {
    const began = performance.now();
    await ask();
    times.push(performance.now() - began);
  }
  return { times, cpu: pid && ((cpuSeconds(pid) - cpu) * 1000) / times.length };
}

/** The ensemble with this number of candidates, and its users. */
async function ensembleOf(candidates) {
  if (values.triton) {
    const compiled = await compile(join(artefacts, `recommend_flat_${candidates}.ensemble.ts`));
    return { program: compiled, model: compiled.plan.name, userOf: i => 1 + ((i * 7) % USERS) };
  }
  const compiled = await compile(SHOP);
  const steps = compiled.plan.steps.map(step =>
    step.op === "queryFaiss" ? { ...step, params: { ...step.params, topk: candidates, nprobe: 32 } } : step,
  );
  const program = { ...compiled, plan: { ...compiled.plan, steps } };
  return { program, model: "recommend", userOf: i => 512300022 + i * 7 };
}

/** The Python model's repository: its files as they are, with the folder of the artefacts and the candidates written in. */
function pythonRepository(candidates) {
  const to = join(folder, `python-${candidates}`);
  cpSync(fileURLToPath(new URL("stages/python_model", import.meta.url)), join(to, "python_model"), { recursive: true });
  const write = (file, from, into) => {
    const path = join(to, "python_model", file);
    writeFileSync(path, readFileSync(path, "utf8").replace(from, into));
  };
  write("config.pbtxt", "$FOLDER", artefacts);
  write("1/model.py", "TOPK, TAKE, TEMPERATURE = 100,", `TOPK, TAKE, TEMPERATURE = ${candidates},`);
  return to;
}

const artefacts = values.keep ?? join(folder, "shop");
try {
  if (values.triton) await makeShop(artefacts, what => say(`making ${what} …`));
  const rows = [];
  for (const candidates of CANDIDATES) {
    const asked = await ensembleOf(candidates);
    const servers = new Map();
    for (const [form, options] of FORMS) {
      const repository = join(folder, `${form}-${candidates}`);
      build(asked.program, repository, options);
      servers.set(form, { ...(await startMerlon(repository)), asked });
    }
    if (values.triton) {
      const server = await startTriton(values.triton, pythonRepository(candidates), folder);
      servers.set("Python model on Triton 2.51", { ...server, asked: { ...asked, model: "python_model" } });
    }
    const all = new Map(
      [...servers].map(([form, server]) => [form, { ...server, url: `http://127.0.0.1:${server.http}` }]),
    );
    for (const also of values.also) {
      const [name, url] = also.split(/=(.*)/s);
      all.set(name, { url, asked });
    }
    for (const batch of BATCHES) {
      // Round by round, so that what else the machine does meets all of them.
      const seen = new Map([...all.keys()].map(form => [form, { times: [], cpu: [] }]));
      for (let round = 0; round < ROUNDS; round++)
        for (const [form, server] of all) {
          const { times, cpu } = await measure(server, server.asked, batch, SECONDS / ROUNDS);
          seen.get(form).times.push(...times);
          seen.get(form).cpu.push(cpu);
        }
      const base = median(seen.get("executor").times);
      for (const [form, { times, cpu }] of seen) {
        const p50 = median(times);
        const used = all.get(form).pid ? median(cpu).toFixed(2) : "";
        rows.push([candidates, batch, form, p50.toFixed(2), used, (base / p50).toFixed(2)]);
      }
    }
    for (const server of servers.values()) await server.stop();
  }
  table([">candidates", ">batch", "form", ">p50 ms", ">CPU ms a request", ">times the executor's speed"], rows, "");
} finally {
  rmSync(folder, { recursive: true });
}

// The shop's ensemble three ways, in one process and one run: the executor, a graph per step, and one fused graph, as `merlon serve` runs them, over
// HTTP: `node tests/bench/lowered.bench.mjs [--seconds 2] [--also NAME=http://host:port]`. `--also` adds a server that serves the same entry, such as a real Triton.
// Prints a table; nothing is asserted, since machines differ.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, compile } from "../../dist/compiler/index.js";
import { serve } from "../../dist/runtime/index.js";
import { freezeFeatures } from "../../dist/runtime/stores/feast/freeze-features.js";
import { table } from "../../scripts/demo/terminal.mjs";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "2" }, also: { type: "string", multiple: true, default: [] } },
});
const SECONDS = Number(values.seconds);
const BATCHES = [1, 8, 64];
const CANDIDATES = [100, 1000];
const ROUNDS = 4;
const SHOP = fileURLToPath(new URL("../../examples/shop/recommend.ensemble.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-lowered-"));

/** Asks one request after the other for a while. @returns milliseconds each took, and the process's CPU per request */
async function measure(url, batch, seconds) {
  const body = Buffer.from(
    JSON.stringify({
      inputs: [
        {
          name: "user_id",
          shape: [batch, 1],
          datatype: "INT64",
          data: Array.from({ length: batch }, (_, i) => 512300022 + i * 7),
        },
      ],
    }),
  );
  const ask = async () => {
    const response = await fetch(`${url}/v2/models/recommend/infer`, { method: "POST", body });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
  };
  for (let i = 0; i < 3; i++) await ask();
  const times = [];
  const cpu = process.cpuUsage();
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || times.length < 5) {
    const began = performance.now();
    await ask();
    times.push(performance.now() - began);
  }
  const { user, system } = process.cpuUsage(cpu);
  return { times, cpu: (user + system) / 1000 / times.length };
}

const median = numbers => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

try {
  const compiled = await compile(SHOP);
  const rows = [];
  for (const candidates of CANDIDATES) {
    const steps = compiled.plan.steps.map(step =>
      step.op === "queryFaiss" ? { ...step, params: { ...step.params, topk: candidates, nprobe: 32 } } : step,
    );
    const program = { ...compiled, plan: { ...compiled.plan, steps } };
    const servers = new Map();
    for (const [form, options] of [
      ["executor", {}],
      ["steps", { triton: { freeze: freezeFeatures } }],
      ["fused", { triton: { freeze: freezeFeatures, fuse: true } }],
    ]) {
      const repository = join(folder, `${form}-${candidates}`);
      build(program, repository, options);
      servers.set(
        form,
        await serve({
          modelRepositories: [repository],
          http: { port: 0, address: "127.0.0.1" },
          grpc: false,
          metrics: false,
          writeLog: () => {},
        }),
      );
    }
    const urls = new Map([...servers].map(([form, server]) => [form, `http://127.0.0.1:${server.ports.http}`]));
    for (const also of values.also) {
      const [name, url] = also.split(/=(.*)/s);
      urls.set(name, url);
    }
    for (const batch of BATCHES) {
      // Round by round, so that what else the machine does meets all of them.
      const seen = new Map([...urls.keys()].map(form => [form, { times: [], cpu: [] }]));
      for (let round = 0; round < ROUNDS; round++)
        for (const [form, url] of urls) {
          const { times, cpu } = await measure(url, batch, SECONDS / ROUNDS);
          seen.get(form).times.push(...times);
          seen.get(form).cpu.push(cpu);
        }
      const base = median(seen.get("executor").times);
      for (const [form, { times, cpu }] of seen) {
        const p50 = median(times);
        rows.push([
          candidates,
          batch,
          form,
          p50.toFixed(2),
          servers.has(form) ? median(cpu).toFixed(2) : "",
          (base / p50).toFixed(2),
        ]);
      }
    }
    for (const server of servers.values()) await server.stop();
  }
  table([">candidates", ">batch", "form", ">p50 ms", ">CPU ms a request", ">times the executor's speed"], rows, "");
} finally {
  rmSync(folder, { recursive: true });
}

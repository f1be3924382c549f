/**
 * The cost of the exposure log: rate, p50 and p99 of one ensemble over gRPC with `--exposures` and without it, in alternating windows. Shown items
 * alone, and all candidates. `--short` is for a look.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, compile, printDiagnostics } from "../../dist/compiler/index.js";
import { connect } from "../../dist/runtime/client/index.js";
import { serve } from "../../dist/runtime/server/index.js";

const [WINDOWS, WINDOW_MS] = process.argv.includes("--short") ? [4, 1000] : [8, 2000];
const WARM_MS = 3000;
const CANDIDATES = 100;
const IN_FLIGHT = 8;
const folder = mkdtempSync(join(tmpdir(), "merlon-bench-"));
const loopback = { port: 0, address: "127.0.0.1" };

async function repository(name, log) {
  writeFileSync(join(folder, "package.json"), "{}");
  const file = join(folder, `${name}.ensemble.ts`);
  writeFileSync(
    file,
    `import { ensemble, explode, lambdaOp, softmaxSampling, source } from "merlon";
const request = source({ user_id: "int64", ids: "int64[${CANDIDATES}]" });
const found = request["ids"] >> explode();
const score = found >> lambdaOp(candidate_ids => candidate_ids % 7 / 10, { name: "score", dtype: "float32" });
export default ensemble("${name}", found["candidate_ids"] >> softmaxSampling(score, { topk: 10, temperature: 2 }), { log: { columns: [request["user_id"]], candidates: ${log} } });
`,
  );
  const made = await compile(file);
  if (!made.ok) throw new Error(printDiagnostics(made.diagnostics));
  const to = join(folder, `repository-${name}`);
  mkdirSync(to);
  build(made, to);
  return to;
}

async function start(name, models, exposures) {
  const server = await serve({
    modelRepositories: [models],
    ...{ http: false, metrics: false, grpc: loopback, writeLog: () => {} },
    ...(exposures && { exposures: { folder: join(folder, `log-${name}`) } }),
  });
  const client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
  const inputs = { user_id: [[1n]], ids: [Array.from({ length: CANDIDATES }, (_, i) => BigInt(i))] };
  return {
    ask: () => client.infer(name, inputs),
    stop: () => client.close().then(() => server.stop()),
    times: [],
    count: 0,
    ms: 0,
  };
}

async function window(side) {
  const began = performance.now();
  const lane = async () => {
    while (performance.now() - began < WINDOW_MS) {
      const at = performance.now();
      await side.ask();
      side.times.push(performance.now() - at);
      side.count++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  side.ms += performance.now() - began;
}

const quantile = (times, q) => [...times].sort((a, b) => a - b)[Math.floor(q * (times.length - 1))];
const rows = [];
try {
  for (const [name, log] of [
    ["shown", '"shown"'],
    ["all", "{ all: 1 }"],
  ]) {
    const models = await repository(name, log);
    const sides = { without: await start(name, models, false), with: await start(name, models, true) };
    // The writer's thread reads its modules meanwhile.
    for (const side of Object.values(sides)) {
      const until = performance.now() + WARM_MS;
      while (performance.now() < until) await side.ask();
    }
    for (let i = 0; i < WINDOWS; i++)
      for (const key of i % 2 === 0 ? ["without", "with"] : ["with", "without"]) await window(sides[key]);
    for (const [key, side] of Object.entries(sides)) {
      const rate = side.count / (side.ms / 1000);
      rows.push({
        candidates: name,
        log: key,
        "requests/s": Math.round(rate),
        "p50 ms": quantile(side.times, 0.5).toFixed(2),
        "p99 ms": quantile(side.times, 0.99).toFixed(2),
      });
      await side.stop();
    }
  }
  console.table(rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

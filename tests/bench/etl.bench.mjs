// Fits and transforms a million rows with Merlon and, where MERLON_NVTABULAR_PYTHON names a Python that has it, with NVTabular, on one file.
//   MERLON_NVTABULAR_PYTHON=/path/to/python node tests/bench/etl.bench.mjs [rows]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { OP_PARAMS } from "#triton-protos/op-params.js";
import { column } from "#triton-protos/schema.js";

const ROWS = Number(process.argv[2] ?? 1_000_000);
const TRIES = 3;
const folder = mkdtempSync(join(tmpdir(), "merlon-bench-"));
const data = join(folder, "data.parquet");

const CHAINS = {
  brand: [["categorify"]],
  category: [["categorify"]],
  item_id: [["categorify"]],
  price: [["fillMissing"], ["logOp"], ["normalize"]],
  age: [["normalize"]],
  shop: [["hashBucket", { numBuckets: 1000 }]],
};
const DTYPES = { brand: "string", category: "string", item_id: "int64", price: "float64", age: "int64", shop: "int64" };

function plan() {
  const inputs = Object.entries(DTYPES).map(([name, dtype]) => column(name, dtype));
  const steps = [];
  const outputs = [];
  for (const input of inputs) {
    let at = { step: "request", schema: input };
    for (const [op, params = {}] of CHAINS[input.name]) {
      const parsed = OP_PARAMS[op].parse(params);
      const dtype =
        { categorify: "int64", logOp: "float32", normalize: "float64", hashBucket: "int32" }[op] ?? at.schema.dtype;
      const schema = { ...input, dtype };
      const id = `${op}_${input.name}`;
      steps.push({
        id,
        op,
        label: id,
        params: parsed,
        inputs: { input: [{ name: input.name, step: at.step, column: input.name }] },
        outputs: [schema],
      });
      at = { step: id, schema };
    }
    outputs.push({ ref: { name: input.name, step: at.step, column: input.name }, schema: at.schema });
  }
  return { format: "merlon/plan", version: 1, kind: "workflow", name: "bench", inputs, steps, outputs };
}

async function merlon() {
  const unfitted = plan();
  const times = { fit: [], transform: [] };
  for (let i = 0; i < TRIES; i++) {
    let started = performance.now();
    await writeFittedWorkflow(join(folder, "fitted"), async staging => {
      const { states } = await fitWorkflow(unfitted, data, { folder: staging });
      return {
        ...unfitted,
        steps: unfitted.steps.map(step => (states.has(step.id) ? { ...step, state: states.get(step.id) } : step)),
      };
    });
    times.fit.push(performance.now() - started);
    started = performance.now();
    await transformWorkflow(join(folder, "fitted"), data, join(folder, "merlon.parquet"));
    times.transform.push(performance.now() - started);
  }
  return times;
}

const NVTABULAR = `
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import nvtabular as nvt
from nvtabular import ops
from merlin.io import Dataset
data, out, tries = sys.argv[1], sys.argv[2], int(sys.argv[3])
times = {"fit": [], "transform": []}
for i in range(tries):
    graph = (["brand", "category", "item_id"] >> ops.Categorify(out_path=out)) + (["price"] >> ops.FillMissing() >> ops.LogOp() >> ops.Normalize()) + (["age"] >> ops.Normalize()) + (["shop"] >> ops.HashBucket(1000))
    w = nvt.Workflow(graph)
    t = time.time(); w.fit(Dataset(data, engine="parquet", cpu=True)); times["fit"].append((time.time() - t) * 1000)
    t = time.time(); w.transform(Dataset(data, engine="parquet", cpu=True)).to_parquet(out + "/out"); times["transform"].append((time.time() - t) * 1000)
print(json.dumps(times))
`;

function nvtabular(python) {
  const { status, stdout, stderr } = spawnSync(python, ["-c", NVTABULAR, data, folder, String(TRIES)], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`NVTabular failed: ${stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

try {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT 'brand_' || hash(i) % 10000 AS brand, 'category_' || hash(i * 3) % 10000 AS category, (hash(i * 5) % 200000)::BIGINT AS item_id,
       CASE WHEN i % 20 = 0 THEN NULL ELSE (hash(i * 7) % 100000) / 100.0 END AS price, (hash(i * 11) % 80)::BIGINT AS age, (hash(i * 13) % 50000)::BIGINT AS shop
     FROM range(${ROWS}) r(i)) TO '${data}' (FORMAT parquet)`,
  );
  connection.closeSync();
  const best = times => Math.min(...times);
  const ours = await merlon();
  const python = process.env.MERLON_NVTABULAR_PYTHON;
  const theirs = python ? nvtabular(python) : undefined;
  const row = name => ({
    work: name,
    "Merlon (ms)": Math.round(best(ours[name])),
    ...(theirs && {
      "NVTabular (ms)": Math.round(best(theirs[name])),
      times: Number((best(theirs[name]) / best(ours[name])).toFixed(1)),
    }),
  });
  console.log(
    `${ROWS.toLocaleString("en-US")} rows, best of ${TRIES}, ${fileURLToPath(import.meta.url)
      .split("/")
      .at(-1)}`,
  );
  console.table([row("fit"), row("transform")]);
  if (!theirs) console.log("Set MERLON_NVTABULAR_PYTHON to measure NVTabular beside it.");
} finally {
  rmSync(folder, { recursive: true, force: true });
}

// Fits and transforms with Merlon and, where MERLON_NVTABULAR_PYTHON names a Python that has it, with NVTabular on the CPU, on one file, in turn.
//   MERLON_NVTABULAR_PYTHON=/path/to/python node tests/bench/etl.bench.mjs [rows] [rees46|criteo] [tries] [memory limit]
// Each engine works in a process of its own. Printed: the least wall and CPU time of the tries, and the process's peak memory.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { SHAPES } from "./etl-shapes.mjs";

const [rows = "1000000", shapeName = "rees46", tries = "3", memoryLimit = ""] = process.argv.slice(2);
const shape = SHAPES[shapeName];
if (!shape) throw new Error(`no shape ${shapeName}: take one of ${Object.keys(SHAPES).join(", ")}`);
const folder = mkdtempSync(join(tmpdir(), "merlon-bench-"));
const data = join(folder, "data.parquet");

const NVTABULAR = `
import json, resource, sys, time, warnings
warnings.filterwarnings("ignore")
import nvtabular as nvt
from nvtabular import ops
from merlin.io import Dataset
data, out, tries = sys.argv[1], sys.argv[2], int(sys.argv[3])
found = {"fit": [], "transform": []}
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
def measured(name, work):
    wall, used = time.time(), cpu()
    work()
    found[name].append([time.time() - wall, cpu() - used])
for i in range(tries):
    w = nvt.Workflow(${shape.nvtabular})
    measured("fit", lambda: w.fit(Dataset(data, engine="parquet", cpu=True)))
    measured("transform", lambda: w.transform(Dataset(data, engine="parquet", cpu=True)).to_parquet(out + "/out"))
print(json.dumps({**found, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
`;

function child(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${command} failed: ${stderr.trim().split("\n").slice(-3).join(" | ")}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

try {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`COPY (${shape.sql(Number(rows))}) TO '${data}' (FORMAT parquet)`);
  connection.closeSync();
  writeFileSync(join(folder, "bench.workflow.ts"), shape.program);
  const own = fileURLToPath(new URL("etl-child.mjs", import.meta.url));
  const ours = child(process.execPath, [own, folder, data, tries, memoryLimit]);
  const python = process.env.MERLON_NVTABULAR_PYTHON;
  const theirs = python ? child(python, ["-c", NVTABULAR, data, folder, tries]) : undefined;
  const best = (found, name, i) => Math.min(...found[name].map(times => times[i]));
  const seconds = value => Number(value.toFixed(2));
  console.log(
    `${shapeName}, ${Number(rows).toLocaleString("en-US")} rows, least of ${tries}${memoryLimit && `, memory limit ${memoryLimit}`}`,
  );
  console.table(
    ["fit", "transform"].map(name => ({
      work: name,
      "Merlon wall s": seconds(best(ours, name, 0)),
      "CPU s": seconds(best(ours, name, 1)),
      "peak MB": Math.round(ours.peak),
      ...(theirs && {
        "NVTabular wall s": seconds(best(theirs, name, 0)),
        "its CPU s": seconds(best(theirs, name, 1)),
        "its peak MB": Math.round(theirs.peak),
        "wall ratio": Number((best(theirs, name, 0) / best(ours, name, 0)).toFixed(1)),
        "CPU ratio": Number((best(theirs, name, 1) / best(ours, name, 1)).toFixed(1)),
      }),
    })),
  );
  if (ours.online) console.log(`online, one row through the kernels: ${ours.online.toFixed(1)} µs (median)`);
  if (!theirs) console.log("Set MERLON_NVTABULAR_PYTHON to measure NVTabular beside it.");
} finally {
  rmSync(folder, { recursive: true, force: true });
}

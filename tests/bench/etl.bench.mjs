// Fits and transforms one file with Merlon and with NVTabular 23.08 on the CPU, in turn. NVTabular runs if MERLON_NVTABULAR_PYTHON names a Python that
// has it.
//   npm run bench:etl                    both shapes, 1 M and 10 M rows (an hour or so with NVTabular)
//   npm run bench:etl -- --short         both shapes, 1 M rows (a few minutes)
//   npm run bench:etl -- 1000000 criteo 3 2GB      rows, shape, tries, memory limit
// Each engine works in a process of its own. Printed: the least wall and CPU time of the tries, and the process's peak memory. NVTabular is given
// its best setting: one partition for 1 M rows, partitions of 256 MB beyond. Then a set three times as large as the memory limit, and one row
// through the nine-operator workflow. The last figures are look-ups of the kernel that categorify serves with.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { SHAPES } from "./etl-shapes.mjs";
import { lookUps } from "./look-ups.mjs";

const NVTABULAR = shape => `
import json, resource, sys, time, warnings
warnings.filterwarnings("ignore")
import nvtabular as nvt
from nvtabular import ops
from merlin.io import Dataset
data, out, tries, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
options = {"engine": "parquet", "cpu": True, **({"part_size": size} if size else {})}
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
    measured("fit", lambda: w.fit(Dataset(data, **options)))
    measured("transform", lambda: w.transform(Dataset(data, **options)).to_parquet(out + "/out"))
print(json.dumps({**found, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
`;

function child(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) return { failed: stderr.trim().split("\n").slice(-2).join(" | ") || `status ${status}` };
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

const best = (found, name, i) => Math.min(...found[name].map(times => times[i]));
const seconds = value => Number(value.toFixed(2));

/** One shape and size, both engines in turn. */
async function compare(shapeName, rows, tries, memoryLimit = "", alone = false) {
  const shape = SHAPES[shapeName];
  if (!shape) throw new Error(`no shape ${shapeName}: take one of ${Object.keys(SHAPES).join(", ")}`);
  const folder = mkdtempSync(join(tmpdir(), "merlon-bench-"));
  const data = join(folder, "data.parquet");
  try {
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    await connection.run(`COPY (${shape.sql(rows)}) TO '${data}' (FORMAT parquet)`);
    connection.closeSync();
    writeFileSync(join(folder, "bench.workflow.ts"), shape.program);
    const own = fileURLToPath(new URL("etl-child.mjs", import.meta.url));
    const ours = child(process.execPath, [own, folder, data, String(tries), memoryLimit], folder);
    const python = alone ? undefined : process.env.MERLON_NVTABULAR_PYTHON;
    const size = rows > 2_000_000 ? "256MB" : "";
    const theirs = python
      ? child(python, ["-c", NVTABULAR(shape), data, folder, String(tries), size], folder)
      : undefined;
    console.log(
      `\n${shapeName}, ${rows.toLocaleString("en-US")} rows, least of ${tries}${memoryLimit && `, memory limit ${memoryLimit}`}`,
    );
    if (ours.failed) return console.log(`Merlon failed: ${ours.failed}`);
    const beside = name => ({
      "NVTabular wall s": seconds(best(theirs, name, 0)),
      "its CPU s": seconds(best(theirs, name, 1)),
      "its peak MB": Math.round(theirs.peak),
      "wall ratio": Number((best(theirs, name, 0) / best(ours, name, 0)).toFixed(1)),
      "CPU ratio": Number((best(theirs, name, 1) / best(ours, name, 1)).toFixed(1)),
    });
    console.table(
      ["fit", "transform"].map(name => ({
        work: name,
        "Merlon wall s": seconds(best(ours, name, 0)),
        "CPU s": seconds(best(ours, name, 1)),
        "peak MB": Math.round(ours.peak),
        ...(theirs && !theirs.failed && beside(name)),
      })),
    );
    if (theirs?.failed) console.log(`NVTabular failed: ${theirs.failed}`);
    if (ours.online && shapeName === "rees46" && !memoryLimit)
      console.log(`online, one row through the nine operators: ${ours.online.toFixed(1)} µs (median)`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [first, shapeName = "rees46", tries = "3", memoryLimit] = process.argv.slice(2);
if (first !== undefined && first !== "--short") await compare(shapeName, Number(first), Number(tries), memoryLimit);
else {
  const isShort = first === "--short";
  await compare("rees46", 1_000_000, 3);
  await compare("criteo", 1_000_000, isShort ? 1 : 3);
  if (!isShort) {
    await compare("rees46", 10_000_000, 1);
    await compare("criteo", 10_000_000, 1);
  }
  // The rows are some 470 bytes each as DuckDB holds them.
  await compare("criteo", isShort ? 1_000_000 : 10_000_000, 1, isShort ? "150MB" : "1500MB", true);
  lookUps();
}
if (!process.env.MERLON_NVTABULAR_PYTHON) console.log("Set MERLON_NVTABULAR_PYTHON to measure NVTabular beside it.");

// Fits beside the same statistics by hand in Polars: lazy queries, one `collect_all`, results written as Arrow files. One file, rounds in turn.
//   MERLON_POLARS_PYTHON=python npm run bench:fit             both shapes, 1 M rows, 5 rounds; the Python needs tests/requirements.txt's Polars
//   npm run bench:fit -- 1000000 criteo 5                     rows, shape, rounds
// Each fit runs in a process of its own, as the second one there. Printed: the median and the spread of wall and CPU seconds. On a machine that does other
// work too, the CPU seconds and the ratios are what to compare. Both read the file, write a file for each result, and use all cores. No start of a
// process is in the figures. Merlon's fit also writes golden rows, schemas and a manifest of checksums, and replaces the folder of the fit before. The
// rows "statistics" leave these out, as Polars does. Both of Merlon's flush the files of vocabularies to disk.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { spread } from "../stress/figures.mjs";
import { SHAPES } from "./etl-shapes.mjs";

/** The same work for each shape, in Polars. */
const POLARS = {
  criteo: `
names = [f"C{i + 1}" for i in range(26)]
counts = [pl.col(f"I{i + 1}").fill_null(0).clip(0, None).cast(pl.Float32).log1p().cast(pl.Float64) for i in range(13)]
more = [data.select([x.mean().alias(f"mean {i}") for i, x in enumerate(counts)] + [x.std().alias(f"std {i}") for i, x in enumerate(counts)])]
`,
  rees46: `
names = ["user_id", "item_id", "category", "brand"]
price = pl.col("price").fill_null(0).clip(0, 900).cast(pl.Float32).log1p().cast(pl.Float64)
age = pl.col("age")
more = [
    data.select(price.mean().alias("mean"), price.std().alias("std"), age.min().alias("min"), age.max().alias("max")),
    data.group_by("item_id").agg(pl.col("bought").cast(pl.Float64).sum().alias("sum"), pl.col("bought").count().alias("count")).sort("item_id"),
    data.group_by("category").agg(pl.len(), pl.col("price").mean().alias("mean")).sort("category"),
]
`,
};
const program = shape => `
import json, os, resource, sys, time
import polars as pl
path, out = sys.argv[1], sys.argv[2]
os.makedirs(out, exist_ok=True)
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
for _ in range(2):
    wall, used = time.time(), cpu()
    data = pl.scan_parquet(path)
    ${POLARS[shape].trim().replaceAll("\n", "\n    ")}
    vocabularies = [data.select(n).drop_nulls().group_by(n).len().sort(["len", n], descending=[True, False]) for n in names]
    for i, table in enumerate(pl.collect_all(vocabularies + more)):
        table.write_ipc(f"{out}/{i}.arrow")
    found = {"wall": time.time() - wall, "cpu": cpu() - used}
print(json.dumps({**found, "polars": pl.__version__}))
`;

function child(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${command} failed: ${stderr.trim().split("\n").slice(-2).join(" | ")}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

async function compare(shape, rows, rounds) {
  const folder = mkdtempSync(join(tmpdir(), "merlon-bench-"));
  const data = join(folder, "data.parquet");
  try {
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    await connection.run(`COPY (${SHAPES[shape].sql(rows)}) TO '${data}' (FORMAT parquet)`);
    connection.closeSync();
    writeFileSync(join(folder, "bench.workflow.ts"), SHAPES[shape].program);
    const own = fileURLToPath(new URL("fit-child.mjs", import.meta.url));
    const python = process.env.MERLON_POLARS_PYTHON;
    const ours = [];
    const theirs = [];
    for (let i = 0; i < rounds; i++) {
      ours.push(child(process.execPath, [own, folder, data]));
      if (python) theirs.push(child(python, ["-c", program(shape), data, join(folder, "polars")]));
    }
    console.log(`\n${shape}, ${rows.toLocaleString("en-US")} rows, ${rounds} rounds: median (least to most)`);
    const of = (runs, what) => runs.map(run => run[what]);
    const statistics = ours.map(run => run.statistics);
    const row = (engine, runs) => ({ engine, "wall s": spread(of(runs, "wall")), "CPU s": spread(of(runs, "cpu")) });
    const ratio = (title, runs) => {
      const by = what => spread(runs.map((run, i) => run[what] / theirs[i][what]));
      return { engine: title, "wall s": by("wall"), "CPU s": by("cpu") };
    };
    console.table([
      row("Merlon", ours),
      row("Merlon's statistics", statistics),
      ...(python
        ? [
            row(`Polars ${theirs[0].polars}`, theirs),
            ratio("ratio", ours),
            ratio("ratio of the statistics", statistics),
          ]
        : []),
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [rows = "1000000", only, rounds = "5"] = process.argv.slice(2);
for (const shape of only ? [only] : Object.keys(SHAPES)) await compare(shape, Number(rows), Number(rounds));
if (!process.env.MERLON_POLARS_PYTHON) console.log("Set MERLON_POLARS_PYTHON to measure Polars beside it.");

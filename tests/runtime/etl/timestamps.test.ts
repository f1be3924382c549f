/** Dates and timestamps of files become int64 in the declared unit: one meaning for every format, as numpy's datetime64 has it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  DateDay,
  Int32,
  Int64,
  RecordBatchStreamWriter,
  Table,
  TimestampMicrosecond,
  TimestampNanosecond,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { expect, test, vi } from "vitest";
import { compileWorkflow } from "#compiler/index.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { inFolder } from "./run-workflow.js";
import { readParquet, withDuckDB } from "./table-values.js";

vi.setConfig({ testTimeout: 60_000 });

/** numpy 2: `np.array(TIMES, "datetime64[us]").astype("datetime64[UNIT]").astype("int64")`. */
const TIMES = ["1969-12-31 23:59:58.500000", "1970-01-01 00:00:00", "2024-05-01 12:34:56.789123", null];
const EXPECTED = {
  d: [-1, 0, 19844, null],
  s: [-2, 0, 1714566896, null],
  ms: [-1500, 0, 1714566896789, null],
  us: [-1500000, 0, 1714566896789123, null],
  ns: [-1500000000, 0, "1714566896789123000", null],
};
const UNITS = Object.keys(EXPECTED) as (keyof typeof EXPECTED)[];

const program = (columns: string, steps: string) =>
  `import { categorify, differenceLag, fillMissing, groupby, lambdaOp, rename, source, workflow } from "merlon";\nconst e = source({ ${columns} });\nexport default workflow("w", ${steps});\n`;

async function fitted(folder: string, text: string, data: string): Promise<string> {
  writeFileSync(join(folder, "w.workflow.ts"), text);
  const compiled = await compileWorkflow(join(folder, "w.workflow.ts"));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const out = join(folder, "etl");
  await writeFittedWorkflow(out, async staging => {
    const options = { folder: staging, base: folder, refine: compiled.withState };
    return compiled.withState((await fitWorkflow(compiled.plan, data, options)).states);
  });
  return out;
}

async function through(folder: string, text: string, data: string) {
  const out = join(folder, "o.parquet");
  await transformWorkflow(await fitted(folder, text, data), data, out);
  return (await readParquet(out)).cells;
}

const COLUMNS = UNITS.map(unit => `${unit}: "timestamp<${unit}>"`).join(", ");
const PLAIN = program(COLUMNS, `e[[${UNITS.map(unit => `"${unit}"`).join(", ")}]] >> rename({ postfix: "_out" })`);
const named = Object.fromEntries(UNITS.map(unit => [`${unit}_out`, EXPECTED[unit]]));
const rows = (type: string) =>
  `SELECT ${UNITS.map(unit => `t::${type} AS ${unit}`).join(", ")} FROM (VALUES ${TIMES.map(t => (t ? `(TIMESTAMP '${t}')` : "(NULL)")).join(", ")}) v(t)`;

test.each([
  ["TIMESTAMP", "parquet"],
  ["TIMESTAMPTZ", "parquet"],
  ["TIMESTAMP_NS", "parquet"],
  ["VARCHAR", "parquet"],
  ["TIMESTAMP", "csv"],
  ["TIMESTAMP", "jsonl"],
])("%s of %s", async (type, format) => {
  await inFolder(async folder => {
    const data = join(folder, `data.${format}`);
    await withDuckDB(query =>
      query(`COPY (${rows(type)}) TO '${data}' (FORMAT ${format === "jsonl" ? "json" : format})`),
    );
    expect(await through(folder, PLAIN, data)).toEqual(named);
  });
});

test("text as ISO 8601 has it, with Z and offsets, beside plain numbers; dates without a time", async () => {
  await inFolder(async folder => {
    const data = join(folder, "data.csv");
    writeFileSync(data, 't\n2024-05-01T12:34:56Z\n2024-05-01T14:34:56+02:00\n2024-05-01\n1714566896\n""\n');
    const cells = await through(folder, program('t: "timestamp<s>"', 'e["t"] >> rename({ postfix: "_s" })'), data);
    expect(cells).toEqual({ t_s: [1714566896, 1714566896, 1714521600, 1714566896, null] });
    writeFileSync(data, "t\n2024-05-01T12:34:56Z\nnever\n");
    await expect(fitted(folder, program('t: "timestamp<s>"', 'e["t"] >> categorify()'), data)).rejects.toThrow(
      /data\.csv`: column `t` holds "never" in row 1, expected a time that int64 can count in s\./,
    );
  });
});

test("Arrow's timestamps and dates, exact to the nanosecond", async () => {
  await inFolder(async folder => {
    const data = join(folder, "data.arrow");
    const of = (vector: Vector, type: unknown) => new Vector(vector.data.map(d => d.clone(type as never)));
    const table = new Table({
      ns: of(vectorFromArray([1714566896789123457n, null], new Int64()), new TimestampNanosecond()),
      us: of(vectorFromArray([-1500001n, null], new Int64()), new TimestampMicrosecond("UTC")),
      d: of(vectorFromArray([19844, -1], new Int32()), new DateDay()),
    });
    writeFileSync(data, await RecordBatchStreamWriter.writeAll(table).toUint8Array());
    const columns = 'ns: "timestamp<ns>", us: "timestamp<ms>", d: "int64"';
    expect(await through(folder, program(columns, 'e[["ns", "us", "d"]] >> rename({ postfix: "_o" })'), data)).toEqual({
      ns_o: ["1714566896789123457", null],
      us_o: [-1501, null],
      d_o: [1714521600000, -86400000],
    });
  });
});

test("a time where another type is declared is refused with the type to declare", async () => {
  await inFolder(async folder => {
    const data = join(folder, "data.parquet");
    await withDuckDB(query => query(`COPY (SELECT TIMESTAMP '2024-05-01' AS t) TO '${data}' (FORMAT parquet)`));
    for (const type of ["string", "float64", "int32"])
      await expect(fitted(folder, program(`t: "${type}"`, 'e["t"] >> categorify()'), data), type).rejects.toThrow(
        /column `t` is TIMESTAMP, expected \w+ t\. Declare it `"timestamp<ms>"` \(or `s`, `us`, `ns`, `d`\)/,
      );
  });
});

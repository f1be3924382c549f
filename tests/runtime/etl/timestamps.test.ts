/** Dates and timestamps of files become int64 in the declared unit: one meaning for every format, as numpy's datetime64 has it. */
import { readdirSync, writeFileSync } from "node:fs";
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
import { readWorkflow } from "#formats/folders/workflow.js";
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

test("differences, groups in the order of time, and parts of dates", async () => {
  await inFolder(async folder => {
    const data = join(folder, "data.parquet");
    await withDuckDB(query =>
      query(
        `COPY (SELECT u, TIMESTAMP '2024-05-01 10:00:00' + INTERVAL (m) MINUTE AS t FROM (VALUES (1, 0), (1, 90), (2, 30), (2, 45)) v(u, m)) TO '${data}' (FORMAT parquet)`,
      ),
    );
    const columns = 'u: "int64", t: "timestamp<s>"';
    const steps = `(e["t"] >> lambdaOp(t => new Date(t * 1000).getUTCHours()) >> rename({ name: "hour" })) + (e["t"] >> differenceLag(e["u"]))`;
    expect(await through(folder, program(columns, steps), data)).toEqual({
      hour: [10, 11, 10, 10],
      t_difference_lag_1: [null, 5400, null, 900],
    });
    const groups = 'e[["u", "t"]] >> groupby("u", { t: ["first", "last"] }, { sort: "t" })';
    expect(await through(folder, program(columns, groups), data)).toEqual({
      u: [1, 2],
      t_first: [1714557600, 1714559400],
      t_last: [1714563000, 1714560300],
    });
  });
});

test("dates in the names of folders, as Hive has them, and results of times are not times", async () => {
  await inFolder(async folder => {
    const days = "(VALUES (1, DATE '2024-05-01'), (2, DATE '1969-12-31'), (3, NULL), (4, DATE '2024-05-01')) v(u, day)";
    await withDuckDB(query =>
      query(`COPY (SELECT * FROM ${days}) TO '${folder}/days' (FORMAT parquet, PARTITION_BY (day))`),
    );
    expect(readdirSync(join(folder, "days")).sort()).toEqual([
      "day=1969-12-31",
      "day=2024-05-01",
      "day=__HIVE_DEFAULT_PARTITION__",
    ]);
    const steps = 'e["u"] + (e["day"] >> rename({ postfix: "_number" })) + (e["day"] >> categorify())';
    for (const [unit, ticks] of [
      ["d", 1],
      ["s", 86400],
    ] as const) {
      const text = program(`u: "int64", day: "timestamp<${unit}>"`, steps);
      const { u, day_number, day } = await through(folder, text, join(folder, "days"));
      const rows = u!.map((id, i) => [id, day_number![i], day![i]]).sort((a, b) => Number(a[0]) - Number(b[0]));
      expect(rows).toEqual([
        [1, 19844 * ticks, 3],
        [2, -ticks, 4],
        [3, null, 1],
        [4, 19844 * ticks, 3],
      ]);
      const { outputs } = readWorkflow(join(folder, "etl"));
      expect(outputs.map(({ schema }) => schema.properties.timestamp)).toEqual([undefined, unit, undefined]);
    }
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

/** Faults of files, item by item: refused with file, column, row and a fix; valid files are not errors. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { fitCells, inFolder } from "./run-workflow.js";
import { readParquet, withDuckDB } from "./table-values.js";
import { workflowPlan } from "./workflow-plan.js";

vi.setConfig({ testTimeout: 60_000 });

const PLAN = workflowPlan({ id: "int64", s: "string", x: "float32" }, [
  { op: "categorify", columns: ["id", "s"] },
  { op: "normalize", columns: ["x"] },
]);

/** Fits on one file of text, or on what a query makes of Parquet. */
const fitOn = (name: string, content: string | Uint8Array) =>
  inFolder(async folder => {
    const file = join(folder, name);
    if (name.endsWith(".parquet")) await withDuckDB(query => query(`COPY (${content}) TO '${file}' (FORMAT parquet)`));
    else writeFileSync(file, content);
    return (await fitWorkflow(PLAN, file, { folder })).rows;
  });

const latin1 = (text: string) => Buffer.from(text, "latin1");

test.each<[what: string, name: string, content: string | Uint8Array, message: RegExp]>([
  ["no bytes, CSV", "a.csv", "", /a\.csv` is empty: it has no bytes\. Leave it out/],
  ["no bytes, JSON", "a.jsonl", "", /a\.jsonl` is empty/],
  ["no bytes, Arrow", "a.arrow", "", /a\.arrow` is empty/],
  ["a header alone", "a.csv", "id,s,x\n", /the data has no rows\. There is nothing to learn from/],
  [
    "no rows",
    "a.parquet",
    "SELECT 1::BIGINT AS id, 'a' AS s, 1::FLOAT AS x FROM range(0)",
    /a\.parquet`: no rows\. There is nothing to read\./,
  ],
  [
    "a fraction where integers are declared, CSV",
    "a.csv",
    "id,s,x\n1,a,1\n1.5,b,2\n",
    /a\.csv`: column `id` holds "1\.5" in row 1, expected int64 id\. Declare its real type, or mend or leave out/,
  ],
  [
    "a fraction where integers are declared, JSON",
    "a.jsonl",
    '{"id":1,"s":"a","x":1}\n{"id":1.5,"s":"b","x":2}\n',
    /a\.jsonl`: column `id` holds "1\.5" in row 1/,
  ],
  ["text for a number, CSV", "a.csv", "id,s,x\n1,a,1\nx,b,2\n", /a\.csv`: column `id` holds "x" in row 1/],
  [
    "a time for a number",
    "a.csv",
    "id,s,x\n2024-05-01,a,1\n",
    /row 0, .* Declare it `"timestamp<ms>"`, if it holds times/,
  ],
  [
    "beyond int64, CSV",
    "a.csv",
    "id,s,x\n9223372036854775807,a,1\n9223372036854775808,b,2\n",
    /a\.csv`: column `id` holds "9223372036854775808" in row 1/,
  ],
  [
    "beyond int64, Parquet",
    "a.parquet",
    "SELECT 9223372036854775805::UBIGINT + i::UBIGINT AS id, 'a' AS s, 1::FLOAT AS x FROM range(5) t(i)",
    /a\.parquet`: column `id` holds "9223372036854775808" in row 3, expected int64 id\./,
  ],
  [
    "always null",
    "a.parquet",
    "SELECT 1::BIGINT AS id, 'a' AS s, NULL::FLOAT AS x FROM range(2)",
    /step `normalize_1` \(normalize\): column `x` is null in every row of the data, .* Put `fillMissing` before it/,
  ],
  [
    "infinities to learn from",
    "a.parquet",
    "SELECT 1::BIGINT AS id, 'a' AS s, 'inf'::FLOAT AS x FROM range(2)",
    /column `x` has 2 infinite values, which have no statistics\. Put `clip` before it/,
  ],
  [
    "a field too few, CSV",
    "a.csv",
    "id,s,x\n1,a,1\n2,b\n",
    /a\.csv`: line 3, "2,b", has 2 fields, and the header has 3\. Quote/,
  ],
  [
    "a field too many, CSV",
    "a.csv",
    "id;s;x\n1;a;1\n2;b;2;3\n",
    /a\.csv`: line 3, "2;b;2;3", has 4 fields, and the header has 3/,
  ],
  [
    "a quote without an end, CSV",
    "a.csv",
    'id,s,x\n1,a,1\n2,"b\n3,c,3\n',
    /a\.csv`: line 3, .* has a quote that does not end\. Double a quote/,
  ],
  [
    "a field too few, far down a CSV",
    "a.csv",
    `id,s,x\n${"1,a,1\n".repeat(25_000)}2,b\n`,
    /a\.csv`: line 25002, "2,b", has 2 fields, and the header has 3/,
  ],
  [
    "bytes that are no UTF-8, CSV",
    "a.csv",
    latin1("id,s,x\n1,a,1\n2,caf\xe9,2\n"),
    /a\.csv.*utf-8 encoded\. Write the file as UTF-8/,
  ],
  [
    "bytes that are no UTF-8, JSON",
    "a.jsonl",
    latin1('{"id":1,"s":"caf\xe9","x":1}\n'),
    /a\.jsonl.*invalid UTF-8 encoding in string\. Write the file as UTF-8/,
  ],
])("%s", async (_, name, content, message) => {
  await expect(fitOn(name, content)).rejects.toThrow(message);
});

test("integers spelled with a point, spaces, empty fields, NaN and a missing key are not mistakes", async () => {
  expect(await fitOn("a.csv", "id,s,x\n1.0,a,1\n 2 ,b,nan\n,c,\n")).toBe(3);
  expect(await fitOn("a.jsonl", '{"id":1.0,"s":"a","x":1}\n{"id":null,"x":2}\n')).toBe(2);
});

test("integers of text stay exact beyond 2^53", async () => {
  await inFolder(async folder => {
    const plan = workflowPlan({ id: "int64" }, [{ op: "fillMissing", params: { fillValue: 0 } }]);
    await fitCells(folder, plan, { id: [1] });
    const data = join(folder, "a.csv");
    writeFileSync(data, "id\n9007199254740993\n-9223372036854775808\n9223372036854775807\n");
    const out = join(folder, "o.parquet");
    await transformWorkflow(join(folder, "fitted"), data, out);
    expect((await readParquet(out)).cells.id).toEqual([
      "9007199254740993",
      "-9223372036854775808",
      "9223372036854775807",
    ]);
  });
});

test("bytes that are not UTF-8 in Parquet: named, and nothing written", async () => {
  await inFolder(async folder => {
    const plan = workflowPlan({ s: "string" }, [{ op: "categorify" }]);
    const data = join(folder, "a.parquet");
    await withDuckDB(query =>
      query(`COPY (SELECT 'cafX' AS s FROM range(3)) TO '${data}' (FORMAT parquet, COMPRESSION uncompressed)`),
    );
    const { readFileSync } = await import("node:fs");
    const bytes = readFileSync(data);
    for (let at = bytes.indexOf("cafX"); at >= 0; at = bytes.indexOf("cafX", at)) bytes[at + 3] = 0xe9;
    writeFileSync(data, bytes);
    await expect(fitWorkflow(plan, data, { folder: join(folder, "out") })).rejects.toThrow(
      /column `s` of `.*a\.parquet` failed: .*Write the file as UTF-8/,
    );
  });
});

/**
 * A large file is transformed in parallel ranges, and their files become one. It has the same rows in the same order, as Parquet for
 * other readers.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { Plan } from "#contract/plan.js";
import { growParquet } from "#runtime/etl/append-parquet.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { python } from "../../needs/python.js";
import { inFolder } from "./run-workflow.js";
import { withDuckDB } from "./table-values.js";
import { fittedPlan, workflowPlan } from "./workflow-plan.js";

const fitFile = (plan: Plan, data: string, out: string) =>
  writeFittedWorkflow(out, async folder => fittedPlan(plan, (await fitWorkflow(plan, data, { folder })).states));

/** Rows of the two files, or of a file and its own numbers, that are not the same. */
const differing = async (sql: string): Promise<unknown> =>
  (await withDuckDB(query => query(`SELECT count(*)::INTEGER FROM (${sql})`))).rows[0]![0];
const unequal = (a: string, b: string) =>
  differing(
    `SELECT * FROM read_parquet('${a}', file_row_number = true) this_row FULL JOIN read_parquet('${b}', file_row_number = true) that_row USING (file_row_number) WHERE this_row IS DISTINCT FROM that_row`,
  );
const outOfOrder = (file: string, column: string) =>
  differing(
    `SELECT * FROM (SELECT ${column} AS i, lag(${column}) OVER (ORDER BY file_row_number) AS before FROM read_parquet('${file}', file_row_number = true)) WHERE i <= before`,
  );

const READ = `
import sys, pandas, polars
a, b = pandas.read_parquet(sys.argv[1]), polars.read_parquet(sys.argv[1])
print(len(a), b.height, int(a["i"].sum()), int(b["i"].sum()), a["i"].is_monotonic_increasing, b["i"].is_sorted())
`;

test("rows stay in their order, with ids by counting, two encodings of one key, lists, and rows that go", async () => {
  await inFolder(async folder => {
    const plan = workflowPlan({ user: "int64", item: "int32", brand: "string", sizes: "list<int64>", y: "float32" }, [
      { op: "dropna", columns: ["brand", "user", "item", "sizes", "y"] },
      {
        op: "targetEncoding",
        columns: ["item"],
        params: { pSmooth: 5, outDtype: "float32" },
        ports: { target: ["y"] },
      },
      { op: "categorify", columns: ["user", "item", "brand"] },
    ]);
    const at = (name: string) => join(folder, name);
    await withDuckDB(query =>
      query(
        `COPY (SELECT i::BIGINT AS i, 1000000000000 + hash(i) % 3000 AS user, (hash(i * 3) % 500)::INTEGER AS item, CASE WHEN i % 7 > 0 THEN 'b' || hash(i * 5) % 40 END AS brand, range(i % 4)::BIGINT[] AS sizes, (i % 3)::FLOAT AS y FROM range(450000) r(i)) TO '${at("data.parquet")}' (FORMAT parquet, ROW_GROUP_SIZE 60000)`,
      ),
    );
    await fitFile(plan, at("data.parquet"), at("fitted"));
    const transform = (out: string, threads: number) =>
      transformWorkflow(at("fitted"), at("data.parquet"), at(out), { keep: ["i"], threads });
    const { rows } = await transform("one.parquet", 1);
    expect(rows).toBe(450_000 - Math.ceil(450_000 / 7));
    expect(await transform("two.parquet", 2)).toMatchObject({ rows });
    expect(await transform("four", 4)).toMatchObject({ rows });
    expect(await outOfOrder(at("two.parquet"), "i")).toBe(0);
    expect(await unequal(at("one.parquet"), at("two.parquet"))).toBe(0);
    expect(await unequal(at("one.parquet"), at("four/part-00000.parquet"))).toBe(0);
    const { stdout } = await promisify(execFile)(python(), ["-c", READ, at("two.parquet")]);
    const [pandas, polars, sum, same, ...sorted] = stdout.trim().split(" ");
    expect([pandas, polars, same, ...sorted]).toEqual([String(rows), String(rows), sum, "True", "True"]);
  });
});

test("files are appended with their dictionaries, Bloom filters and statistics; one without rows adds nothing", async () => {
  await inFolder(async folder => {
    const part = (i: number) => join(folder, `${i}.parquet`);
    const whole = join(folder, "whole.parquet");
    const rows = (from: number, to: number) =>
      `SELECT i, 't' || i % 900 AS text, CASE WHEN i % 5 > 0 THEN i / 7.0 END AS x, [i, NULL] AS list, {a: i, b: 'b'} AS struct, i % 2 = 0 AS flag FROM range(${from}, ${to}) r(i)`;
    await withDuckDB(async query => {
      for (const [i, [from, to]] of [
        [0, 5000],
        [5000, 5000],
        [5000, 30_000],
        [30_000, 40_000],
      ].entries())
        await query(`COPY (${rows(from!, to!)}) TO '${part(i)}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
      await query(`COPY (${rows(0, 40_000)}) TO '${whole}' (FORMAT parquet)`);
    });
    const grown = await growParquet(part(0));
    for (const i of [1, 2, 3]) await grown.append(part(i));
    await grown.finish();
    await grown.close();
    expect(await unequal(part(0), whole)).toBe(0);
    for (const condition of ["text = 't17'", "i BETWEEN 12345 AND 12355", "x IS NULL AND i > 39990", "text = 'none'"])
      expect(await differing(`FROM '${part(0)}' WHERE ${condition}`)).toEqual(
        await differing(`FROM '${whole}' WHERE ${condition}`),
      );
    expect(await differing(`SELECT DISTINCT row_group_id FROM parquet_metadata('${part(0)}')`)).toBe(3 + 13 + 5);
  });
});

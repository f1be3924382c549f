/** One program on one set of data, by DuckDB and by Spark: the same fitted folder, the same rows. Spark is a real one, on this machine. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { compileWorkflow } from "#compiler/index.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { openSpark, type SparkSession } from "#runtime/etl/spark/session.js";
import { transformOnSpark } from "#runtime/etl/spark/transform-on-spark.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { merlon } from "../../../cli/merlon-command.js";
import { sparkPython } from "../../../needs/java.js";
import { inFolder } from "../run-workflow.js";
import { type Query, readParquet, withDuckDB } from "../table-values.js";

vi.setConfig({ testTimeout: 900_000, hookTimeout: 300_000 });

let spark: SparkSession;
beforeAll(async () => {
  spark = await openSpark({
    master: "local[2]",
    // Short work on few rows: the second compiler would only cost time.
    conf: {
      "spark.sql.shuffle.partitions": "2",
      "spark.driver.memory": "1g",
      "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    },
    python: sparkPython(),
  });
});
afterAll(() => spark?.close());

const STATISTICS = `import { bucketize, categorify, clip, dataStats, fillMedian, fillMissing, hashBucket, hashedCross, joinGroupby, lambdaOp, listSlice, logOp, normalize, normalizeMinMax, reduceDtypeSize, rename, source, targetEncoding, valueCount, workflow } from "merlon";
const e = source({ user_id: "int64", item_id: "int64", category: "string", brand: "string", price: "float64", age: "int32", bought: "float32", flag: "bool", tags: "list<string>", nums: "list<int64>" });
const ids = e[["user_id", "item_id", "category", "brand", "flag"]] >> categorify({ freqThreshold: 2, numBuckets: { brand: 5 } });
const combo = e[[["category", "brand"]]] >> categorify({ encodeType: "combo", numBuckets: 3 });
const tags = e["tags"] >> categorify({ numBuckets: 2 });
const nums = e["nums"] >> valueCount() >> listSlice(0, 3, { pad: true });
const price = e["price"] >> fillMissing(0) >> clip({ min: 0, max: 900 }) >> logOp() >> normalize();
const age = e["age"] >> normalizeMinMax() >> rename({ postfix: "_mm" });
const filled = e["price"] >> fillMedian({ addBinaryColumns: true }) >> rename({ postfix: "_median" });
const small = e["age"] >> reduceDtypeSize() >> rename({ postfix: "_small" });
const hash = e[["brand", "age"]] >> hashBucket(1000) >> rename({ postfix: "_hash" });
const cross = e[[["brand", "age"]]] >> hashedCross(97);
const buckets = e["price"] >> bucketize([10, 100, 500]) >> rename({ postfix: "_bucket" });
const demand = e[["item_id", ["category", "brand"]]] >> targetEncoding(e["bought"], { pSmooth: 20 });
const spent = e["category"] >> joinGroupby(["count", "sum", "mean", "std", "min", "max"], e[["price", "age"]]);
const next = e[["item_id", "nums"]] >> lambdaOp((item_id, nums) => (nums.includes(item_id) ? 0 : item_id * 3 + (nums[0] ?? 1)), { name: "next", dtype: "int64" });
const stats = e["user_id"] >> dataStats() >> rename({ postfix: "_raw" });
export default workflow("both", ids + combo + tags + nums + price + age + filled + small + hash + cross + buckets + demand + spent + next + stats);
`;

const ROWS = (from: number, to: number) => `SELECT (hash(i * 5) % 60)::BIGINT AS user_id,
  CASE WHEN i % 31 = 0 THEN NULL ELSE (hash(i) % 20)::BIGINT + 9007199254740992 END AS item_id, 'cät_' || (hash(i * 3) % 9) AS category,
  CASE WHEN hash(i * 17) % 10 = 0 THEN NULL ELSE 'b' || (hash(i * 19) % 80) END AS brand,
  CASE WHEN i % 20 = 0 THEN NULL WHEN i % 50 = 1 THEN 'nan'::DOUBLE ELSE (hash(i * 7) % 100000) / 100.0 END AS price,
  (18 + hash(i * 13) % 70)::INTEGER AS age, (hash(i * 29) % 4 = 0)::FLOAT AS bought, i % 3 = 0 AS flag,
  CASE WHEN i % 13 = 0 THEN NULL ELSE list_transform(range(i % 4), lambda x: CASE WHEN x = 2 THEN NULL ELSE 't' || (hash(i * 7 + x) % 20) END) END AS tags,
  list_transform(range(i % 5), lambda x: (x * i)::BIGINT) AS nums FROM range(${from}, ${to}) r(i)`;

/** Sessions of users, rows of a user side by side, in every form that a file may have times in. */
const VISITS = (from: number, to: number) => `SELECT (i // 4)::BIGINT AS user_id, 'i' || (hash(i) % 12) AS item_id,
  CASE WHEN i % 17 = 0 THEN NULL ELSE (hash(i * 7) % 1000) / 10.0 END AS price, t AS clicked_at, t::DATE AS day, t::TIMESTAMP_NS AS precise,
  (t - INTERVAL 20 DAY)::TIMESTAMPTZ AS joined_at, CASE WHEN i % 5 = 0 THEN '' ELSE strftime(t, '%Y-%m-%dT%H:%M:%S+02:00') END AS said,
  list_transform(range(i % 3), lambda x: (x + i)::INTEGER) AS seen
  FROM (SELECT i, CASE WHEN i % 29 = 0 THEN NULL ELSE TIMESTAMP '1969-12-30 23:59:58.5' + INTERVAL (hash(i * 11) % 400000) MINUTE + INTERVAL (i) MICROSECOND END AS t FROM range(${from}, ${to}) r(i))`;

const VISIT =
  'source({ user_id: "int64", item_id: "string", price: "float64", clicked_at: "timestamp<ms>", day: "timestamp<d>", precise: "timestamp<ns>", joined_at: "timestamp<s>", said: "timestamp<us>", seen: "list<int32>" })';

const TIMES = `import { categorify, differenceLag, filter, groupby, joinExternal, lambdaOp, listSlice, rename, source, workflow } from "merlon";
const all = ${VISIT};
const some = all >> filter((price, clicked_at, seen) => (price ?? 50) < 90 && seen.length < 3) >> joinExternal("items.csv", { on: "item_id", columns: { shelf: "int32" }, how: "inner" });
const v = some[["user_id", "item_id", "price", "clicked_at", "day", "precise", "joined_at", "said", "shelf"]];
const item = v["item_id"] >> joinExternal("labels.csv", { on: "item_id", columns: { label: "string", weight: "float64", fresh: "bool" } });
const hour = v["clicked_at"] >> lambdaOp(t => new Date(t).getUTCHours() + 24 * new Date(t).getUTCDay(), { dtype: "int32" }) >> rename({ name: "hour_of_week" });
const text = v["item_id"] >> lambdaOp(item_id => item_id.toUpperCase().padStart(4, "é😀") + item_id.length) >> rename({ name: "text" });
const gaps = v[["clicked_at", "price"]] >> differenceLag(v["user_id"], { shift: [1, -2] });
const day = v["day"] >> categorify() >> rename({ name: "day_id" });
const rows = v + item[["label", "weight", "fresh"]] + hour + text + gaps + day;
const sessions = rows >> groupby(["user_id"], {
  item_id: ["list", "count", "nunique"], price: ["sum", "mean", "std", "var", "median", "min", "max", "list"], clicked_at: ["first", "last", "list"], shelf: ["first"], day: ["list"], precise: ["list"],
  joined_at: ["list"], said: ["list"], label: ["list"], weight: ["list"], fresh: ["list"], hour_of_week: ["list"], text: ["list"], clicked_at_difference_lag_1: ["list"], "price_difference_lag_-2": ["list"], day_id: ["list"],
}, { sort: ["clicked_at"], ascending: false });
const ids = sessions["item_id_list"] >> categorify() >> listSlice(0, 3, { pad: true }) >> rename({ name: "recent" });
export default workflow("times", ids + sessions);
`;

const ITEMS = "item_id,shelf\ni0,1\ni3,\ni5,-7\ni8,2\ni9,3\ni2,3\ni4,3\ni7,4\n";
const LABELS = "item_id,label,weight,fresh\ni0,zéro,0.5,true\ni3,three,,false\ni5,,1e300,\ni8,O'Brien,-0.25,true\n";

/** Sums of floats depend on their order, which Spark chooses: the last bits of results may differ. */
function expectSame(actual: unknown, expected: unknown, where: string): void {
  if (typeof expected === "number" && typeof actual === "number")
    expect(Math.abs(actual - expected) / Math.max(1, Math.abs(expected)), where).toBeLessThan(1e-12);
  else if (typeof expected === "object" && expected !== null)
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual as object)]))
      expectSame((actual as never)[key], (expected as never)[key], `${where}.${key}`);
  else expect(actual, where).toBe(expected);
}

const json = (folder: string, file: string): unknown => JSON.parse(readFileSync(join(folder, file), "utf8"));
const files = (folder: string, kind: string): string[] =>
  readdirSync(folder).includes(kind) ? readdirSync(join(folder, kind)) : [];

describe("Spark", () => {
  test.each([
    ["statistics and vocabularies", STATISTICS, ROWS],
    ["times, functions, files, and groups of rows", TIMES, VISITS],
  ])("fits the same folder and makes the same rows as DuckDB: %s", async (_, program, rows) => {
    await inFolder(async folder => {
      await withDuckDB(async (query: Query) => {
        await query("SET TimeZone = 'UTC'");
        await query(`COPY (${rows(0, 250)}) TO '${folder}/a.parquet' (FORMAT parquet)`);
        await query(`COPY (${rows(250, 400)}) TO '${folder}/b.parquet' (FORMAT parquet)`);
      });
      writeFileSync(join(folder, "items.csv"), ITEMS);
      writeFileSync(join(folder, "labels.csv"), LABELS);
      writeFileSync(join(folder, "both.workflow.ts"), program);
      const compiled = await compileWorkflow(join(folder, "both.workflow.ts"));
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
      const data = join(folder, "[ab].parquet");
      const fitted = (name: string, on: { spark?: SparkSession }) =>
        writeFittedWorkflow(join(folder, name), async staging => {
          const options = { folder: staging, base: folder, refine: compiled.withState, ...on };
          return compiled.withState((await fitWorkflow(compiled.plan, data, options)).states);
        });
      await fitted("duckdb", {});
      await fitted("spark", { spark });
      const [onDuckDB, onSpark] = [join(folder, "duckdb"), join(folder, "spark")];
      // Vocabularies are counts: their files are the same bytes.
      expect(files(onSpark, "categories")).toEqual(files(onDuckDB, "categories"));
      for (const file of files(onDuckDB, "categories"))
        expect(
          readFileSync(join(onSpark, "categories", file)).equals(readFileSync(join(onDuckDB, "categories", file))),
          file,
        ).toBe(true);
      expect(files(onSpark, "tables")).toEqual(files(onDuckDB, "tables"));
      expectSame(json(onSpark, "workflow.json"), json(onDuckDB, "workflow.json"), "workflow");
      expectSame(json(onSpark, "golden.json"), json(onDuckDB, "golden.json"), "golden");

      const { rows: count } = await transformWorkflow(onDuckDB, data, join(folder, "duckdb.parquet"));
      const made = await transformOnSpark(onDuckDB, data, join(folder, "out"), spark);
      expect(made.rows).toBe(count);
      const one = join(folder, "one.parquet");
      await withDuckDB(query =>
        query(
          `COPY (FROM read_parquet([${made.files.map(file => `'${file}'`).join(", ")}])) TO '${one}' (FORMAT parquet)`,
        ),
      );
      expect(await readParquet(one)).toEqual(await readParquet(join(folder, "duckdb.parquet")));
    });
  });

  test("that is missing is reported with the command to type", async () => {
    await inFolder(async folder => {
      writeFileSync(join(folder, "w.workflow.ts"), STATISTICS);
      writeFileSync(
        join(folder, "python"),
        `#!/bin/sh\necho '{"error": "PY has no pyspark. Type: PY -m pip install pyspark pandas pyarrow"}'\n`,
        { mode: 0o755 },
      );
      const fitted = (python: string) =>
        merlon(
          folder,
          "fit",
          "w.workflow.ts",
          "--data",
          "x.parquet",
          "--out",
          "o",
          "--engine",
          "spark",
          "--spark-python",
          python,
        );
      expect((await fitted("./no-python")).err).toMatch(/`\.\/no-python` did not start: .*--spark-python/);
      expect((await fitted("./python")).err).toContain("Type: PY -m pip install pyspark pandas pyarrow");
    });
  });

  test("refuses an operator that needs this process, with the reason", async () => {
    await inFolder(async folder => {
      const program = `import { categorify, source, workflow } from "merlon";\nexport default workflow("w", source({ x: "int64" })["x"] >> categorify({ numBuckets: 3, nvtabularHash: true }));\n`;
      writeFileSync(join(folder, "w.workflow.ts"), program);
      const { status, err } = await merlon(
        folder,
        "fit",
        "w.workflow.ts",
        "--data",
        "x.parquet",
        "--out",
        "o",
        "--engine",
        "spark",
      );
      expect(status).toBe(1);
      expect(err).toMatch(/\(categorify\) does not run on Spark: it depends on the number of each row/);
    });
  });
});

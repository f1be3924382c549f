/** One program on one set of data, by DuckDB and by Spark: the same fitted folder, the same rows. Spark is a real one, on this machine. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileWorkflow } from "#compiler/index.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import type { SparkOptions } from "#runtime/etl/spark/session.js";
import { transformOnSpark } from "#runtime/etl/spark/transform-on-spark.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { merlon } from "./merlon-command.js";
import { inFolder } from "./run-workflow.js";
import { readParquet, withDuckDB } from "./table-values.js";

const SPARK: SparkOptions = {
  master: "local[2]",
  conf: { "spark.sql.shuffle.partitions": "2", "spark.driver.memory": "1g" },
  python: process.env.MERLON_SPARK_PYTHON ?? process.env.MERLON_TEST_PYTHON ?? "python3",
};

const PROGRAM = `import { bucketize, categorify, clip, dataStats, fillMedian, fillMissing, hashBucket, hashedCross, joinGroupby, listSlice, logOp, normalize, normalizeMinMax, reduceDtypeSize, rename, source, targetEncoding, valueCount, workflow } from "merlon";
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
const stats = e["user_id"] >> dataStats() >> rename({ postfix: "_raw" });
export default workflow("both", ids + combo + tags + nums + price + age + filled + small + hash + cross + buckets + demand + spent + stats);
`;

const ROWS = (from: number, to: number) => `SELECT (hash(i * 5) % 60)::BIGINT AS user_id,
  CASE WHEN i % 31 = 0 THEN NULL ELSE (hash(i) % 20)::BIGINT + 9007199254740992 END AS item_id, 'cät_' || (hash(i * 3) % 9) AS category,
  CASE WHEN hash(i * 17) % 10 = 0 THEN NULL ELSE 'b' || (hash(i * 19) % 80) END AS brand,
  CASE WHEN i % 20 = 0 THEN NULL WHEN i % 50 = 1 THEN 'nan'::DOUBLE ELSE (hash(i * 7) % 100000) / 100.0 END AS price,
  (18 + hash(i * 13) % 70)::INTEGER AS age, (hash(i * 29) % 4 = 0)::FLOAT AS bought, i % 3 = 0 AS flag,
  CASE WHEN i % 13 = 0 THEN NULL ELSE list_transform(range(i % 4), lambda x: CASE WHEN x = 2 THEN NULL ELSE 't' || (hash(i * 7 + x) % 20) END) END AS tags,
  list_transform(range(i % 5), lambda x: (x * i)::BIGINT) AS nums FROM range(${from}, ${to}) r(i)`;

/** Sums of floats depend on their order, which Spark chooses: the last bits of what is made of them may differ. */
function expectSame(actual: unknown, expected: unknown, where: string): void {
  if (typeof expected === "number" && typeof actual === "number")
    expect(Math.abs(actual - expected) / Math.max(1, Math.abs(expected)), where).toBeLessThan(1e-12);
  else if (typeof expected === "object" && expected !== null)
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual as object)]))
      expectSame((actual as never)[key], (expected as never)[key], `${where}.${key}`);
  else expect(actual, where).toBe(expected);
}

const json = (folder: string, file: string): unknown => JSON.parse(readFileSync(join(folder, file), "utf8"));

describe("Spark", () => {
  test("fits the same folder and makes the same rows as DuckDB", async () => {
    await inFolder(async folder => {
      await withDuckDB(async query => {
        await query(`COPY (${ROWS(0, 250)}) TO '${folder}/a.parquet' (FORMAT parquet)`);
        await query(`COPY (${ROWS(250, 400)}) TO '${folder}/b.parquet' (FORMAT parquet)`);
      });
      writeFileSync(join(folder, "both.workflow.ts"), PROGRAM);
      const compiled = await compileWorkflow(join(folder, "both.workflow.ts"));
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
      const data = join(folder, "[ab].parquet");
      const fitted = (name: string, spark?: SparkOptions) =>
        writeFittedWorkflow(join(folder, name), async staging => {
          const options = { folder: staging, base: folder, refine: compiled.withState, ...(spark && { spark }) };
          return compiled.withState((await fitWorkflow(compiled.plan, data, options)).states);
        });
      await fitted("duckdb");
      await fitted("spark", SPARK);
      const [duckdb, spark] = [join(folder, "duckdb"), join(folder, "spark")];
      // Vocabularies are counts: their files are the same bytes.
      const vocabularies = readdirSync(join(duckdb, "categories"));
      expect(readdirSync(join(spark, "categories"))).toEqual(vocabularies);
      for (const file of vocabularies)
        expect(
          readFileSync(join(spark, "categories", file)).equals(readFileSync(join(duckdb, "categories", file))),
          file,
        ).toBe(true);
      expect(readdirSync(join(spark, "tables"))).toEqual(readdirSync(join(duckdb, "tables")));
      expectSame(json(spark, "workflow.json"), json(duckdb, "workflow.json"), "workflow");
      expectSame(json(spark, "golden.json"), json(duckdb, "golden.json"), "golden");

      await transformWorkflow(duckdb, data, join(folder, "duckdb.parquet"));
      const { rows, files } = await transformOnSpark(duckdb, data, join(folder, "out"), SPARK);
      expect(rows).toBe(400);
      const one = join(folder, "one.parquet");
      await withDuckDB(query =>
        query(`COPY (FROM read_parquet([${files.map(file => `'${file}'`).join(", ")}])) TO '${one}' (FORMAT parquet)`),
      );
      expect(await readParquet(one)).toEqual(await readParquet(join(folder, "duckdb.parquet")));
    });
  }, 900_000);

  test("that is not there is asked for by what to type", async () => {
    await inFolder(async folder => {
      writeFileSync(join(folder, "w.workflow.ts"), PROGRAM);
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
      const program = `import { lambdaOp, source, workflow } from "merlon";\nexport default workflow("w", source({ x: "int64" })["x"] >> lambdaOp((x: number) => x + 1));\n`;
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
      expect(err).toMatch(/\(lambdaOp\) does not run on Spark: its expressions run in Merlon's own process/);
    });
  });
});

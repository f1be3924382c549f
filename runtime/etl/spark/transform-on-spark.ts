/** A fitted workflow and Parquet files → a folder of Parquet, made by Spark with the operators' SQL forms, rows in their order. */
import { renameSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StagingFolder } from "../../../formats/folders/replace-folder.js";
import { invalid } from "../../base/errors.js";
import { openDatabase } from "../database.js";
import { refuseForeign, writeSchemas } from "../fitted-folder.js";
import { columnsRead, openLayers } from "../layers.js";
import { planQuery } from "../plan-query.js";
import { refuseOverwrite } from "../refuse-overwrite.js";
import { keptOf, MARK, partName, readPart, type Transformed, type TransformOptions } from "../transform.js";
import { borrowSpark, type SparkOptions, type SparkSession } from "./session.js";
import { sparkSql } from "./spark-dialect.js";
import { sparkEngine } from "./spark-engine.js";
import { sparkLookups } from "./spark-lookups.js";
import { findSparkData, openSparkData, refuseOnSpark } from "./spark-source.js";

interface Written {
  readonly files: readonly string[];
  readonly rows: number;
}

/** @throws RuntimeFault, PlanError; the previous `out` is then unchanged */
export async function transformOnSpark(
  folder: string,
  data: string | readonly string[],
  out: string,
  spark: SparkOptions | SparkSession,
  { keep: wanted, outFiles, shuffle, partitionBy, subgraph, onProgress }: TransformOptions = {},
): Promise<Transformed> {
  if (shuffle || partitionBy || /\.(parquet|arrow)$/.test(out))
    throw invalid(
      "on Spark, `merlon transform` writes a folder of Parquet, with `--out-files` if you like. Leave `--shuffle` and `--partition-by` out and give a folder as `--out`.",
    );
  const plan = readPart(folder, subgraph);
  refuseOnSpark(plan);
  const keep = keptOf(plan, wanted);
  refuseForeign(out, MARK, "merlon transform");
  const database = await openDatabase();
  const session = await borrowSpark(spark).catch(async error => {
    await database.close();
    throw error;
  });
  let staging: StagingFolder | undefined;
  try {
    const engine = sparkEngine(session);
    const lookups = sparkLookups(session, folder);
    const columns = columnsRead(plan);
    const kept = keep.map(({ column }) => column);
    const found = await findSparkData(database, session, data);
    refuseOverwrite(found, [data].flat(), out);
    const source = await openSparkData(session, found, columns, kept);
    const layers = await openLayers(engine, source, columns, lookups, { keep: kept });
    const select = [
      ...(await planQuery(layers, lookups, plan)),
      ...keep.map(({ as }, i) => `k${i} AS ${sparkSql.identifier(as)}`),
    ];
    staging = new StagingFolder(out);
    onProgress?.({ doing: "transform", rows: 0, totalRows: source.rows });
    const sql = `SELECT ${select.join(", ")} FROM ${layers.view} ORDER BY ${layers.places.join(", ")}`;
    const to = join(staging.path, "spark");
    const { files, rows } = (await session.ask(
      { do: "write", sql, to, files: outFiles ?? null },
      "transforming",
    )) as unknown as Written;
    const names = files.map((file, i) => {
      renameSync(file, join(staging!.path, partName(i)));
      return partName(i);
    });
    staging.remove("spark");
    await writeSchemas(
      staging.path,
      plan.outputs.map(output => output.schema),
    );
    await writeFile(join(staging.path, MARK), `${JSON.stringify({ workflow: plan.name, rows })}\n`);
    staging.replace();
    return { rows, files: names.map(name => join(out, name)) };
  } finally {
    staging?.dispose();
    await session.close();
    await database.close();
  }
}

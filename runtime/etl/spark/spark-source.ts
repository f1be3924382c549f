/** Parquet files → a source of columns on Spark, checked file by file against what a plan declares, and a plan → whether Spark can run it. */
import type { AnyStep, Plan } from "../../../contract/plan.js";
import { type ColumnSchema, printColumn } from "../../../contract/schema.js";
import { readsRowNumber } from "../../../contract/step-facts.js";
import { invalid, unsupported } from "../../base/errors.js";
import type { DataSource } from "../data-source.js";
import { type Database, glob } from "../database.js";
import { didYouMean } from "../nearest-name.js";
import { refuseType, sourceExpression } from "../sql/source-column.js";
import type { SparkSession } from "./session.js";
import { duckdbName, sparkSql } from "./spark-dialect.js";

const VIEW = "merlon_source";

/** Why an operator does not run on Spark. */
const ELSEWHERE: Partial<Readonly<Record<AnyStep["op"], string>>> = {
  columnSimilarity: "its matrices are held in Merlon's own process",
};

/** @throws RuntimeFault naming the first step that needs DuckDB, and why */
export function refuseOnSpark(plan: Plan): void {
  for (const step of plan.steps) {
    const why = readsRowNumber(step)
      ? "it depends on the number of each row, which is not known where Spark reads files in parts"
      : ELSEWHERE[step.op];
    if (why !== undefined)
      throw unsupported(
        `step \`${step.id}\` (${step.op}) does not run on Spark: ${why}. Leave \`--engine spark\` out: DuckDB works beyond memory too, within \`--memory-limit\`.`,
      );
  }
}

/** Files that globs, folders and addresses name: sorted within each, in the order given. */
export async function findSparkData(
  database: Database,
  session: SparkSession,
  data: string | readonly string[],
): Promise<readonly string[]> {
  const files: string[] = [];
  for (const pattern of [data].flat()) {
    const isAddress = pattern.includes("://");
    const found = isAddress
      ? ((await session.ask({ do: "list", path: pattern }, `looking for \`${pattern}\``)) as string[])
      : await glob(
          database,
          /\.(parquet|pq)$|[*?[]/.test(pattern) ? pattern : `${pattern.replace(/\/$/, "")}/**/*.parquet`,
        );
    if (found.length === 0)
      throw invalid(`\`${pattern}\` names no file. Give a path or a quoted glob, such as 'data/*.parquet'.`);
    const odd = found.find(file => !/\.(parquet|pq)$/.test(file));
    if (odd !== undefined)
      throw invalid(`\`${odd}\` is not a Parquet file, the only format for Spark. Leave \`--engine spark\` out.`);
    files.push(...found.filter(file => !files.includes(file)));
  }
  return files;
}

/** @throws RuntimeFault naming the first file that lacks a column or has it in a type that does not convert */
export async function openSparkData(
  session: SparkSession,
  files: readonly string[],
  columns: readonly ColumnSchema[],
  keep: readonly string[] = [],
): Promise<DataSource> {
  const byFile = new Map<string, Readonly<Record<string, string>>>();
  for (const file of files) {
    const types = (await session.ask({ do: "types", file }, `reading \`${file}\``)) as Record<string, string>;
    byFile.set(file, types);
    for (const name of [...columns.map(col => col.name), ...keep])
      if (!Object.hasOwn(types, name))
        throw invalid(
          `\`${file}\` has no column \`${name}\`; it has ${Object.keys(types)
            .map(found => `\`${found}\``)
            .join(", ")}.${didYouMean(name, Object.keys(types))}`,
        );
    for (const col of columns) {
      const type = duckdbName(types[col.name]!);
      const refusal = refuseType(col, type);
      if (refusal)
        throw invalid(`\`${file}\`: column \`${col.name}\` is ${type}, expected ${printColumn(col)}. ${refusal}`);
    }
    const other = Object.entries(types).find(([name, type]) => type !== (byFile.get(files[0]!)![name] ?? type));
    if (other && columns.some(col => col.name === other[0]))
      throw invalid(
        `\`${file}\`: column \`${other[0]}\` is ${other[1]}, and ${byFile.get(files[0]!)![other[0]]} in \`${files[0]}\`. Spark reads files of one schema: write them alike, or leave \`--engine spark\` out.`,
      );
  }
  const rows = Number(await session.ask({ do: "open", files, view: VIEW }, "reading the data"));
  if (rows === 0) throw invalid(`${files.map(file => `\`${file}\``).join(", ")}: no rows. There is nothing to read.`);
  const types = byFile.get(files[0]!)!;
  return {
    files,
    format: "parquet",
    relation: VIEW,
    expressions: columns.map(col => {
      const type = types[col.name]!.toUpperCase();
      return sourceExpression(col, type, sparkSql);
    }),
    place: ["merlon_r0", "merlon_r1"],
    rows,
    dictionaries: new Set(),
    smallDictionaries: new Set(),
  };
}

/** Parquet files of an exposure log → one relation whose columns, types and values are checked. */
import { EXPOSURE_COLUMNS, type ExposureColumn } from "../../../contract/exposures.js";
import { parquetRelation } from "../data-formats.js";
import { findData, openData } from "../data-source.js";
import type { Database } from "../database.js";
import { didYouMean } from "../nearest-name.js";
import { identifier } from "../sql/literal.js";
import { fault, findRow, shown } from "./find-row.js";
import { MESSAGES, readMessages } from "./message-log.js";

export interface ExposureLog {
  readonly files: readonly string[];
  /** `FROM` this: the files' own columns. */
  readonly relation: string;
  readonly itemType: "BIGINT" | "VARCHAR";
  /** Kept columns, in the order of the files. */
  readonly kept: readonly string[];
  /** DuckDB's types of all columns. */
  readonly types: ReadonlyMap<string, string>;
}

const WHOLE = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/;
const TEXT = /^(VARCHAR|UUID|ENUM\(.*\))$/s;
export const isWhole = (type: string): boolean => WHOLE.test(type);
export const isText = (type: string): boolean => TEXT.test(type);

/** Which types of a file a fixed column may have. */
const FITS: Readonly<Record<ExposureColumn["type"], (type: string) => boolean>> = {
  VARCHAR: isText,
  INTEGER: isWhole,
  BIGINT: isWhole,
  DOUBLE: type => /^(FLOAT|DOUBLE|DECIMAL\(.*\))$/.test(type) || isWhole(type),
  TIMESTAMP: type => /^TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?$/.test(type),
  "VARCHAR[]": type => /^VARCHAR\[\d*\]$/.test(type),
  id: type => isWhole(type) || isText(type),
};

/**
 * Opens a log. Rows of Parquet are not read yet.
 * @param paths files, folders or globs
 * @throws RuntimeFault naming the file and column at fault
 */
export async function openExposures(database: Database, paths: readonly string[]): Promise<ExposureLog> {
  const found = await findData(database, paths);
  if (found.format === "json") return openMessages(database, found.files);
  if (found.format !== "parquet")
    throw fault(
      `\`${found.files[0]}\` is ${found.format}. An exposure log is Parquet as the server writes it, or JSON lines with the messages of its topic.`,
    );
  const { relation } = await openData(
    database,
    found,
    [],
    EXPOSURE_COLUMNS.map(({ name }) => name),
  );
  let first: { readonly file: string; readonly item: string } | undefined;
  for (const file of found.files) {
    const types = await typesOf(database, parquetRelation([file], []), file);
    for (const column of EXPOSURE_COLUMNS) checkType(file, column, types.get(column.name)!);
    const item = isWhole(types.get("item")!) ? "integers" : "texts";
    first ??= { file, item };
    if (first.item !== item)
      throw fault(
        `column \`item\` has ${first.item} in \`${first.file}\` and ${item} in \`${file}\`. Join the logs of one model at a time.`,
      );
  }
  const types = await typesOf(database, relation, found.files[0]!);
  return {
    files: found.files,
    relation,
    itemType: first!.item === "integers" ? "BIGINT" : "VARCHAR",
    kept: keptOf(types),
    types,
  };
}

const FIXED: ReadonlySet<string> = new Set(EXPOSURE_COLUMNS.map(({ name }) => name));
const keptOf = (types: ReadonlyMap<string, string>): readonly string[] =>
  [...types.keys()].filter(name => !FIXED.has(name));

async function openMessages(database: Database, files: readonly string[]): Promise<ExposureLog> {
  await readMessages(database, files);
  const types = await typesOf(database, MESSAGES, files[0]!);
  return {
    files,
    relation: MESSAGES,
    itemType: isWhole(types.get("item")!) ? "BIGINT" : "VARCHAR",
    kept: keptOf(types),
    types,
  };
}

function checkType(file: string, { name, type }: ExposureColumn, found: string): void {
  if (FITS[type](found)) return;
  const expected = type === "id" ? "BIGINT or VARCHAR" : type;
  throw fault(
    `\`${file}\`: column \`${name}\` is ${found}, expected ${expected}. Write the log again with that type, or leave the file out.`,
  );
}

/** @returns DuckDB's types by column */
export async function typesOf(
  database: Database,
  relation: string,
  file: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await database.rows(
    `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${relation})`,
    `reading \`${file}\``,
  );
  return new Map(rows.map(row => [String(row[0]), String(row[1])]));
}

/** A kept column that an option names. @throws RuntimeFault with the line that would log it */
export function needKept({ kept, files, types }: ExposureLog, name: string, option: string): string {
  if (kept.includes(name)) return types.get(name)!;
  throw fault(
    `\`${files[0]}\` has no kept column \`${name}\`, which \`${option}\` names.${didYouMean(name, kept)} Keep it in the ensemble: \`{ log: { columns: [request["${name}"]] } }\`.`,
  );
}

interface Rule {
  readonly column: string;
  /** SQL that holds for a value at fault. */
  readonly broken: string;
  readonly expected: string;
}

const probability = (column: string): Rule => ({
  column,
  broken: `NOT (${column} > 0 AND ${column} <= 1) OR isnan(CAST(${column} AS DOUBLE))`,
  expected: "a probability: above 0, at most 1",
});
const present = (column: string): Rule => ({ column, broken: `${column} IS NULL`, expected: "a value" });

const RULES: readonly Rule[] = [
  ...["request_id", "request_row", "item", "log_rate"].map(present),
  {
    column: '"time"',
    broken: `"time" IS NULL OR NOT isfinite(CAST("time" AS TIMESTAMP)) OR year(CAST("time" AS TIMESTAMP)) NOT BETWEEN 1 AND 9999`,
    expected: "a time of the years 1 to 9999",
  },
  { column: '"position"', broken: '"position" < 1', expected: "a place from 1, or null" },
  ...["propensity", "list_propensity", "log_rate"].map(probability),
];

/** Reads the log's values once. @throws RuntimeFault naming file, row, column and value */
export async function checkExposures(database: Database, { relation, files }: ExposureLog): Promise<void> {
  const [counts] = await database.rows(
    `SELECT ${RULES.map(({ broken }) => `count(*) FILTER (${broken})::DOUBLE`).join(", ")} FROM ${relation}`,
    "checking the exposures",
  );
  const rule = RULES[counts!.findIndex(count => Number(count) > 0)];
  if (!rule) return;
  // Messages of several files are one table.
  const [places, relationOf] =
    relation === MESSAGES
      ? [files.slice(0, 1), () => MESSAGES]
      : [files, (file: string) => parquetRelation([file], [])];
  const found = await findRow(database, places, async file => relationOf(file), rule.broken, rule.column);
  throw fault(
    `\`${found!.file}\`: column \`${rule.column.replaceAll('"', "")}\` has ${shown(found!.value)} in row ${found!.row}, expected ${rule.expected}. Leave the file out, or correct the row.`,
  );
}

/** The columns that identify a candidate of a request, in their exact types. */
export const keyColumns = ({ itemType }: Pick<ExposureLog, "itemType">, from = ""): readonly string[] => [
  `CAST(${from}request_id AS VARCHAR)`,
  `CAST(${from}request_row AS INTEGER)`,
  `CAST(${from}item AS ${itemType})`,
];

/** A fixed column in its exact type. */
export const fixedColumn = ({ name, type }: ExposureColumn, { itemType }: Pick<ExposureLog, "itemType">): string =>
  `CAST(${identifier(name)} AS ${type === "id" ? itemType : type})`;

/** Parquet files of an exposure log → one relation whose columns, types and values are checked. */

import { EXPOSURE_COLUMNS, type ExposureColumn } from "../../../contract/exposures.js";
import { invalid } from "../../base/errors.js";
import { parquetRelation } from "../data-formats.js";
import { findData, openData, typesOf } from "../data-source.js";
import type { Database } from "../database.js";
import type { Engine } from "../engine.js";
import { didYouMean } from "../nearest-name.js";
import { type FoundRow, findRow, shown } from "./find-row.js";
import { type JoinSql, joinSql } from "./join-sql.js";
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
    throw invalid(
      `\`${found.files[0]}\` is ${found.format}. An exposure log is Parquet as the server writes it, or JSON lines with the messages of its topic.`,
    );
  const { relation } = await openData(
    database,
    found,
    [],
    EXPOSURE_COLUMNS.map(({ name }) => name),
  );
  const byFile = new Map<string, ReadonlyMap<string, string>>();
  for (const file of found.files) byFile.set(file, await typesOf(database, parquetRelation([file], []), file));
  return logOfTypes(found.files, relation, byFile, await typesOf(database, relation, found.files[0]!));
}

/**
 * A log from the types of its columns.
 * @param byFile DuckDB's types of each file @param types of the relation
 * @throws RuntimeFault naming the file and column at fault
 */
export function logOfTypes(
  files: readonly string[],
  relation: string,
  byFile: ReadonlyMap<string, ReadonlyMap<string, string>>,
  types: ReadonlyMap<string, string>,
): ExposureLog {
  let first: { readonly file: string; readonly item: string } | undefined;
  for (const [file, own] of byFile) {
    for (const column of EXPOSURE_COLUMNS) checkType(file, column, own.get(column.name)!);
    const item = isWhole(own.get("item")!) ? "integers" : "texts";
    first ??= { file, item };
    if (first.item !== item)
      throw invalid(
        `column \`item\` has ${first.item} in \`${first.file}\` and ${item} in \`${file}\`. Join the logs of one model at a time.`,
      );
  }
  return {
    files,
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
  throw invalid(
    `\`${file}\`: column \`${name}\` is ${found}, expected ${expected}. Write the log again with that type, or leave the file out.`,
  );
}

/** A kept column that an option names. @throws RuntimeFault with the line that would log it */
export function needKept({ kept, files, types }: ExposureLog, name: string, option: string): string {
  if (kept.includes(name)) return types.get(name)!;
  throw invalid(
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

function rulesIn({ identifier, isFiniteTime, types }: JoinSql): readonly Rule[] {
  const [time, position] = [identifier("time"), identifier("position")];
  const at = `CAST(${time} AS ${types.TIMESTAMP})`;
  return [
    ...["request_id", "request_row", "item", "log_rate"].map(present),
    {
      column: "time",
      broken: `${time} IS NULL OR NOT ${isFiniteTime(at)} OR year(${at}) NOT BETWEEN 1 AND 9999`,
      expected: "a time of the years 1 to 9999",
    },
    { column: "position", broken: `${position} < 1`, expected: "a place from 1, or null" },
    ...["propensity", "list_propensity", "log_rate"].map(probability),
  ];
}

/** The first row of the files of which a condition holds, and the text of a value there. */
export type Locate = (condition: string, value: string) => Promise<FoundRow | undefined>;

/** Finds rows by reading the files again, one by one. Messages of several files are one table. */
export const locateIn =
  (database: Database, { files, relation }: ExposureLog): Locate =>
  (condition, value) =>
    relation === MESSAGES
      ? findRow(database, files.slice(0, 1), async () => MESSAGES, condition, value)
      : findRow(database, files, async file => parquetRelation([file], []), condition, value);

/** Reads the log's values once. @throws RuntimeFault naming file, row, column and value */
export async function checkExposures(engine: Engine, { relation }: ExposureLog, locate: Locate): Promise<void> {
  const sql = joinSql(engine);
  const rules = rulesIn(sql);
  const [counts] = await engine.rows(
    `SELECT ${rules.map(({ broken }) => `CAST(count(*) FILTER (WHERE ${broken}) AS DOUBLE)`).join(", ")} FROM ${relation}`,
    "checking the exposures",
  );
  const rule = rules[counts!.findIndex(count => Number(count) > 0)];
  if (!rule) return;
  const found = await locate(rule.broken, sql.identifier(rule.column));
  throw invalid(
    `\`${found!.file}\`: column \`${rule.column}\` has ${shown(found!.value)} in row ${found!.row}, expected ${rule.expected}. Leave the file out, or correct the row.`,
  );
}

/** An engine's name of a type. */
export const typeIn = (types: JoinSql["types"], type: string): string =>
  Object.hasOwn(types, type) ? types[type as keyof JoinSql["types"]] : type;

/** The columns that identify a candidate of a request, in their exact types. */
export const keyColumns = (
  { itemType }: Pick<ExposureLog, "itemType">,
  from: string,
  types: JoinSql["types"],
): readonly string[] => [
  `CAST(${from}request_id AS ${types.VARCHAR})`,
  `CAST(${from}request_row AS INTEGER)`,
  `CAST(${from}item AS ${typeIn(types, itemType)})`,
];

/** A fixed column in its exact type. */
export const fixedColumn = (
  { name, type }: ExposureColumn,
  { itemType }: Pick<ExposureLog, "itemType">,
  { identifier, types }: JoinSql,
): string => `CAST(${identifier(name)} AS ${typeIn(types, type === "id" ? itemType : type)})`;

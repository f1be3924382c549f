/**
 * Globs of Parquet or CSV files → one relation whose columns have been checked, file by file, against what a plan declares.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type ColumnSchema, printColumn } from "../../contract/schema.js";
import { invalid } from "../base/errors.js";
import { arrowTypes, loadArrow } from "./arrow-data.js";
import { findOddRow, headerOf } from "./csv-fault.js";
import { type DataFormat, FORMATS, formatOf, parquetRelation, textRelation } from "./data-formats.js";
import { type Database, glob } from "./database.js";
import { doubledColumn } from "./doubled-column.js";
import { didYouMean } from "./nearest-name.js";
import { identifier, text, texts } from "./sql/literal.js";
import { refuseType, sourceExpression, textType } from "./sql/source-column.js";

export interface DataFiles {
  readonly files: readonly string[];
  readonly format: DataFormat;
}

export interface DataSource extends DataFiles {
  /** `FROM` this: the files as one relation, with the columns' own names. */
  readonly relation: string;
  /** One expression per selected column, in that order, of exactly the declared type. */
  readonly expressions: readonly string[];
  /** Expressions of a row's position in the data, for Parquet. */
  readonly place: readonly string[];
  /** Known without reading (Parquet), else undefined. */
  readonly rows: number | undefined;
  /** Columns that are read unchanged and that Parquet stores with a dictionary in every file. */
  readonly dictionaries: ReadonlySet<string>;
  /** Those of them whose dictionaries are small, and far shorter than the column. */
  readonly smallDictionaries: ReadonlySet<string>;
}

/** Files that globs, folders and paths name: sorted within each, in the order given. */
export async function findData(database: Database, data: string | readonly string[]): Promise<DataFiles> {
  const patterns = typeof data === "string" ? [data] : data;
  const files: string[] = [];
  for (const pattern of patterns) {
    const isFolder = await stat(pattern).then(
      s => s.isDirectory(),
      () => false,
    );
    const found = isFolder ? await filesUnder(database, pattern) : await glob(database, pattern);
    if (found.length === 0)
      throw invalid(`\`${pattern}\` names no file. Give a path or a quoted glob, such as 'data/*.parquet'.`);
    files.push(...found.filter(file => !files.includes(file)));
  }
  const formats = files.map(formatOf);
  const odd = formats.findIndex(format => format === undefined || format !== formats[0]);
  if (odd >= 0)
    throw invalid(
      formats[odd] === undefined
        ? `\`${files[odd]}\` is none of ${FORMATS.map(({ name }) => name).join(", ")}, which are the formats read here.`
        : `\`${files[0]}\` is ${formats[0]} and \`${files[odd]}\` is ${formats[odd]}. Give files of one format.`,
    );
  return { files, format: formats[0]! };
}

/** Files of every format in a folder and the folders in it, such as Hive's partitions. */
async function filesUnder(database: Database, folder: string): Promise<readonly string[]> {
  const endings = FORMATS.flatMap(format => format.endings);
  const found: string[] = [];
  for (const ending of endings) found.push(...(await glob(database, join(folder, `**/*.${ending}`))));
  return found.sort();
}

/** @throws RuntimeFault naming the first file that lacks a column or has it in a type that does not convert */
export async function openData(
  database: Database,
  { files, format }: DataFiles,
  columns: readonly ColumnSchema[],
  keep: readonly string[] = [],
  mayBeEmpty = false,
): Promise<DataSource> {
  const checked: ReadonlyMap<string, string>[] = [];
  for (const file of files) checked.push(await checkFile(database, file, format, columns, keep));
  const other = {
    files,
    format,
    place: [],
    rows: undefined,
    dictionaries: new Set<string>(),
    smallDictionaries: new Set<string>(),
  };
  if (format === "csv" || format === "json")
    return {
      ...other,
      relation: textRelation(format, files, columns, keep.length === 0),
      expressions: columns.map(col => sourceExpression(col, textType(col))),
    };
  if (format === "arrow") {
    const wanted = [...new Set([...columns.map(col => col.name), ...keep])];
    const types = await arrowTypes(files[0]!);
    const read = new Map(wanted.map(name => [name, types.get(name)!]));
    await loadArrow(database, "merlon_arrow", files, read);
    return {
      ...other,
      relation: "merlon_arrow",
      expressions: columns.map(col => sourceExpression(col, types.get(col.name)!)),
    };
  }
  const counted = await database.rows(
    `SELECT sum(num_rows) FROM parquet_file_metadata(${texts(files)})`,
    "counting rows",
  );
  const rows = Number(counted[0]![0] ?? 0);
  if (rows === 0 && !mayBeEmpty)
    throw invalid(`${files.map(file => `\`${file}\``).join(", ")}: no rows. There is nothing to read.`);
  const relation = parquetRelation(files, columns);
  const types = checked.length === 1 ? checked[0]! : await typesOf(database, relation, files[0]!);
  const expressions = columns.map(col => sourceExpression(col, types.get(col.name)!));
  const plain = columns.filter((col, i) => !col.list && expressions[i] === identifier(col.name));
  const stored = await database.rows(
    `SELECT path_in_schema, bool_and(${IS_SMALL}) FROM parquet_metadata(${texts(files)}) GROUP BY 1 HAVING bool_and(dictionary_page_offset IS NOT NULL)`,
    "looking for dictionaries",
  );
  const listed = (found: typeof stored) => {
    const names = new Set(found.map(([name]) => String(name)));
    return new Set(plain.map(col => col.name).filter(name => names.has(name)));
  };
  return {
    files,
    format,
    relation,
    expressions,
    // Columns of DuckDB's own, unless the data has some of these names.
    place:
      types.has("file_index") || types.has("file_row_number")
        ? ["row_number() OVER ()"]
        : [...(files.length > 1 ? ["file_index"] : []), "file_row_number"],
    rows,
    dictionaries: listed(stored),
    smallDictionaries: listed(stored.filter(([, isSmall]) => isSmall)),
  };
}

/**
 * DuckDB computes a function for a dictionary of up to 20,000 values at once; for a larger one it computes every row. Writers that give a
 * dictionary up while they write do so far beyond this size.
 */
const SMALL_PAGE = 16_384;
/** Values in the rows for each byte of the dictionary, so that a dictionary costs far less than its rows. */
const VALUES_PER_BYTE = 8;
const IS_SMALL = `data_page_offset - dictionary_page_offset BETWEEN 0 AND least(${SMALL_PAGE}, num_values // ${VALUES_PER_BYTE})`;

async function checkFile(
  database: Database,
  file: string,
  format: DataFormat,
  columns: readonly ColumnSchema[],
  keep: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if ((await stat(file)).size === 0)
    throw invalid(`\`${file}\` is empty: it has no bytes. Leave it out, or write it again.`);
  const types =
    format === "arrow"
      ? await arrowTypes(file)
      : await typesOf(
          database,
          format === "parquet"
            ? parquetRelation([file], columns)
            : textRelation(format as "csv" | "json", [file], [], format === "csv"),
          file,
        );
  for (const name of [...columns.map(col => col.name), ...keep]) {
    if (types.has(name)) continue;
    const odd = format === "csv" ? await findOddRow(database, file, name) : undefined;
    throw (
      odd ??
      invalid(
        `\`${file}\` has no column \`${name}\`; it has ${[...types.keys()].map(found => `\`${found}\``).join(", ")}.${didYouMean(name, types.keys())}`,
      )
    );
  }
  await refuseDoubled(database, file, format, types, [...columns.map(col => col.name), ...keep]);
  for (const col of columns) {
    const type = types.get(col.name)!;
    // Text is read with the declared type.
    const refusal = format === "parquet" || format === "arrow" ? refuseType(col, type) : undefined;
    if (refusal)
      throw invalid(`\`${file}\`: column \`${col.name}\` is ${type}, expected ${printColumn(col)}. ${refusal}`);
  }
  return types;
}

/** DuckDB reads the first of two columns of one name, and calls the other one `NAME_1`. @throws RuntimeFault for one that is read */
async function refuseDoubled(
  database: Database,
  file: string,
  format: DataFormat,
  types: ReadonlyMap<string, string>,
  names: readonly string[],
): Promise<void> {
  const suspects = names.filter(name => types.has(`${name}_1`));
  if (suspects.length === 0 || format === "json" || format === "arrow") return;
  const own = format === "csv" ? await headerOf(file) : await parquetColumns(database, file);
  const doubled = suspects.find(name => own.filter(one => one === name).length > 1);
  if (doubled !== undefined) throw doubledColumn(file, doubled);
}

/** Names of the columns of a Parquet file, as it has them. */
async function parquetColumns(database: Database, file: string): Promise<readonly string[]> {
  const nodes = await database.rows(
    `SELECT name, coalesce(num_children, 0)::INTEGER FROM parquet_schema(${text(file)})`,
    `reading \`${file}\``,
  );
  const names: string[] = [];
  // Depth first, the root before its columns.
  for (let at = 1; at < nodes.length; ) {
    names.push(String(nodes[at]![0]));
    for (let open = 1; open > 0 && at < nodes.length; at++) open += Number(nodes[at]![1]) - 1;
  }
  return names;
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

/** File names → formats, and the DuckDB expression that reads each. */
import { type ColumnSchema, findColumn } from "../../contract/schema.js";
import { timeUnitOf } from "../../contract/time-unit.js";
import { identifier, text, texts } from "./sql/literal.js";
import { declaredType, textType } from "./sql/source-column.js";

/** `table` is one that DuckDB holds. */
export type DataFormat = "parquet" | "csv" | "json" | "arrow" | "table";
export type FileFormat = Exclude<DataFormat, "table">;

export const FORMATS: readonly {
  readonly format: FileFormat;
  readonly endings: readonly string[];
  readonly name: string;
}[] = [
  { format: "parquet", endings: ["parquet", "pq"], name: ".parquet" },
  { format: "csv", endings: ["csv", "csv.gz"], name: ".csv" },
  { format: "json", endings: ["jsonl", "ndjson", "jsonl.gz", "ndjson.gz"], name: ".jsonl" },
  { format: "arrow", endings: ["arrow", "feather", "ipc"], name: ".arrow" },
];

export const formatOf = (file: string): FileFormat | undefined =>
  FORMATS.find(({ endings }) => endings.some(ending => file.toLowerCase().endsWith(`.${ending}`)))?.format;

/** `day=2024-01-01` of a file's folders: Hive's partitions, which are columns. */
export const partitionsOf = (file: string): readonly string[] =>
  file
    .split("/")
    .slice(0, -1)
    .flatMap(part => /^([A-Za-z_][\w.-]*)=./.exec(part)?.[1] ?? []);

/** Reads Parquet; columns that partitions make are of the declared types. */
export function parquetRelation(files: readonly string[], columns: readonly ColumnSchema[]): string {
  const partitions = [...new Set(files.flatMap(partitionsOf))];
  const declared = partitions.flatMap(name => {
    const col = findColumn(columns, name);
    // Times are read as text: `day=2024-05-01`.
    const type = col && (timeUnitOf(col) ? "VARCHAR" : declaredType(col));
    return type ? [`${identifier(name)}: ${text(type)}`] : [];
  });
  const hive = `, hive_partitioning = ${partitions.length > 0}${declared.length > 0 ? `, hive_types = {${declared.join(", ")}}` : ""}`;
  return `read_parquet(${texts(files)}${files.length > 1 ? ", union_by_name = true" : ""}${hive})`;
}

/**
 * Reads text. Declared columns are read with the declared type.
 * @param alone nothing else is read: other columns are text, so that their content cannot be wrong
 */
export function textRelation(
  format: "csv" | "json",
  files: readonly string[],
  columns: readonly ColumnSchema[],
  alone: boolean,
): string {
  const union = files.length > 1 ? ", union_by_name = true" : "";
  const types = columns.map(col => `${text(col.name)}: ${text(textType(col))}`).join(", ");
  if (format === "csv")
    return `read_csv(${texts(files)}, header = true, ${alone ? "all_varchar = true" : "sample_size = -1"}${types && `, types = {${types}}`}${union})`;
  const wanted = alone && types ? `, columns = {${types}}` : ", sample_size = -1";
  return `read_json(${texts(files)}, format = 'newline_delimited'${wanted}${alone && types ? "" : union})`;
}

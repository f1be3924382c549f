/** The columns of a table of item attributes, a Parquet or an Arrow file, without its rows. */
import { statSync } from "node:fs";
import { FILE_LIMITS, readRegularSync, requireRegular } from "../../contract/files/read-regular.js";
import { datatype, isDType } from "../../triton-protos/datatype.js";
import { readArrowFile } from "../arrow/arrow-file.js";
import { withFile } from "../bytes/byte-source.js";
import { PARQUET_MAGIC, readParquetColumns, type TableColumn } from "./parquet-columns.js";

export type { TableColumn } from "./parquet-columns.js";

/** The column of the ids, unless an author names another. */
export const KEY_COLUMN = "item_id";

export interface AttributeColumns {
  readonly format: "parquet" | "arrow";
  readonly columns: readonly TableColumn[];
}

/** @throws Error that says what is wrong, with or without the file's name */
export function readAttributeColumns(file: string): AttributeColumns {
  requireRegular(file);
  if (isParquet(file)) return { format: "parquet", columns: withFile(file, readParquetColumns).columns };
  const { fields } = readArrowFile(readRegularSync(file, FILE_LIMITS.data));
  return { format: "arrow", columns: fields.map(({ name, type }) => ({ name, type, dtype: dtypeOf(type) })) };
}

/** Whether a file begins as Parquet does; all others are read as Arrow. */
export const isParquet = (file: string): boolean =>
  statSync(file).size >= PARQUET_MAGIC.length &&
  withFile(file, source => Buffer.from(source.read(0, PARQUET_MAGIC.length)).toString("latin1")) === PARQUET_MAGIC;

const dtypeOf = (type: string) => (isDType(type) && datatype(type).duckdb !== null ? type : undefined);

/**
 * A column as an expression of SQL.
 */

import type { ColumnSchema } from "../../../contract/schema.js";
import type { DType } from "../../../triton-protos/datatype.js";

/** Bounds of all values that are not null, as far as the steps of a column give them. A column with a `most` has no NaN. */
export interface ValueRange {
  readonly least?: number | undefined;
  readonly most?: number | undefined;
}

/** A column of the current layer: an expression over it (a plain name in most places), and its type. */
export interface SqlColumn {
  readonly sql: string;
  readonly dtype: DType;
  readonly list?: ColumnSchema["list"];
  readonly range?: ValueRange | undefined;
  /** It is read unchanged from Parquet with a dictionary of its values: a function of it runs once per distinct value. */
  readonly dictionary?: true;
  /** A list of the column's value alone, of a column with few distinct values: see `value-lists.ts`. */
  readonly values?: string;
}

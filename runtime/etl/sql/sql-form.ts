/**
 * The contract of an operator's SQL form: a step and its input columns -> one expression per output, equal row for row to what the
 * operator's kernel makes. A null is NULL; a float that is NaN is NULL too, from the source on.
 */
import type { DType } from "../../../triton-protos/datatype.js";
import type { OpKind } from "../../../triton-protos/op-params.js";
import type { Step } from "../../../triton-protos/plan.js";
import type { ColumnSchema } from "../../../triton-protos/schema.js";

/** A column of the current layer: an expression over it (a plain name in most places), and its type. */
export interface SqlColumn {
  readonly sql: string;
  readonly dtype: DType;
  readonly list?: ColumnSchema["list"];
  /** It is read as it stands from Parquet that stores a dictionary of its values: a function of it runs once a distinct value. */
  readonly dictionary?: true;
}

export interface SqlContext {
  /** Columns that rows stand in the data's order by. */
  readonly order: readonly string[];
  /** Columns of a port. */
  port(name: string): readonly SqlColumn[];
  /** An expression for the id of a scalar's value, or of null; NULL for a value outside the vocabulary. */
  id(stepId: string, column: NamedColumn): string;
  /** An expression for the place (from 0) of a list's item in the column's vocabulary; NULL outside it. */
  place(stepId: string, column: NamedColumn, item: string): string;
  /**
   * The outputs of a step that looks groups of keys up, in order; undefined where its kernel has to be asked.
   * `keysOf` turns names of input columns into the columns.
   */
  groups(stepId: string, keysOf: (names: readonly string[]) => readonly SqlColumn[]): readonly string[] | undefined;
}

export type NamedColumn = SqlColumn & { readonly name: string };

export type SqlForm<K extends OpKind> = (
  step: Step<K>,
  inputs: readonly SqlColumn[],
  context: SqlContext,
) => readonly string[];

/** Applies an expression to each value: to the column itself, or, in a list, to every item. */
export const each = (col: SqlColumn, expression: (value: string) => string): string =>
  col.list ? `list_transform(${col.sql}, lambda v: ${expression("v")})` : expression(col.sql);

/** The same, as a column of another dtype that further expressions read. */
export const eachAs = (col: SqlColumn, dtype: DType, expression: (value: string) => string): SqlColumn => ({
  ...col,
  dtype,
  sql: each(col, expression),
});

/** float64 -> float32 as typed arrays round: beyond the largest float32 lies infinity, not an error. */
export const toFloat32 = (value: string): string =>
  `CASE WHEN abs(${value}) < 3.4028235677973366e38::DOUBLE THEN CAST(${value} AS FLOAT) WHEN ${value} > 0 THEN 'inf'::FLOAT WHEN ${value} < 0 THEN '-inf'::FLOAT END`;

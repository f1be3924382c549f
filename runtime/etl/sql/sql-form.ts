/**
 * The contract of an operator's SQL form: a step and its input columns → one expression per output, equal to the kernel's result row by
 * row. A null is NULL; a float that is NaN is NULL too, from the source on.
 */

import type { OpKind } from "../../../contract/op-params.js";
import type { Fitted } from "../../../contract/plan.js";

import type { Sql } from "./dialect.js";
import type { SqlColumn, ValueRange } from "./sql-column.js";

export interface SqlContext {
  readonly sql: Sql;
  /** Columns that determine the data's order of rows. */
  readonly order: readonly string[];
  /** Columns of a port. */
  port(name: string): readonly SqlColumn[];
  /** An expression for the id of a scalar's value, or of null; NULL for a value outside the vocabulary. */
  id(stepId: string, column: NamedColumn): string;
  /** An expression for the places (from 0) of a list's items in the column's vocabulary; NULL outside it. */
  places(stepId: string, column: NamedColumn): string;
  /**
   * The outputs of a step that looks up groups of keys, in order; undefined if its kernel is needed.
   * `keysOf` turns names of input columns into the columns.
   */
  groups(stepId: string, keysOf: (names: readonly string[]) => readonly SqlColumn[]): readonly string[] | undefined;
}

export type NamedColumn = SqlColumn & { readonly name: string };

/** The condition under which a row stays; undefined where all do. */
export type RowCondition<K extends OpKind> = (
  step: Fitted<K>,
  inputs: readonly SqlColumn[],
  context: Pick<SqlContext, "groups" | "sql">,
) => string | undefined;

/** One range for each output. */
export type OutputRanges<K extends OpKind> = (
  step: Fitted<K>,
  inputs: readonly SqlColumn[],
) => readonly (ValueRange | undefined)[];

/** The group keys of rows. */
export type GroupKeys<K extends OpKind> = (
  step: Fitted<K>,
  inputs: readonly SqlColumn[],
  sql: Sql,
) => readonly string[];

export type SqlForm<K extends OpKind> = (
  step: Fitted<K>,
  inputs: readonly SqlColumn[],
  context: SqlContext,
) => readonly string[];

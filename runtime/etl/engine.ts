/** The engine of a workflow's statements: DuckDB in this process, or Spark. */
import type { Json } from "@duckdb/node-api";
import type { PrintedColumn } from "../../operators/shared/kernel/fitted-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { Sql } from "./sql/dialect.js";

export type OnFraction = (fraction: number) => void;

export interface Engine {
  readonly sql: Sql;
  /** Runs statements for their effect. `doing` completes "… failed: ". */
  run(sql: string, doing: string, onFraction?: OnFraction): Promise<void>;
  /** Runs one statement; its rows as JSON values, integers beyond 2^53 as strings. */
  rows(sql: string, doing: string, onFraction?: OnFraction): Promise<Json[][]>;
  /**
   * Runs one statement; its columns `c0`, …, text packed.
   * @param keep name of a table that keeps the rows, if the engine reads them again
   */
  packed(
    sql: string,
    dtypes: readonly DType[],
    doing: string,
    options?: { readonly keep?: string; readonly onFraction?: OnFraction },
  ): Promise<readonly PrintedColumn[]>;
}

/** Lets work have an engine, as soon as one is free. */
export interface EnginePool<E extends Engine = Engine> {
  run<T>(work: (engine: E) => Promise<T>): Promise<T>;
}

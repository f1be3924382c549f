/** The engine of a workflow's statements: DuckDB in this process, or Spark. */
import type { Json } from "@duckdb/node-api";
import type { PrintedColumn } from "../../operators/shared/kernel/fitted-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { Sql } from "./sql/dialect.js";

export type OnFraction = (fraction: number) => void;

export interface PackedOptions {
  /** Name of a table that keeps the rows, if the engine reads them again. */
  readonly keep?: string | undefined;
  /** The result has no more rows. @default it may have any number of them */
  readonly atMost?: number | undefined;
  readonly onFraction?: OnFraction;
}

export interface Engine {
  readonly sql: Sql;
  /** Runs statements for their effect. `doing` completes "… failed: ". */
  run(sql: string, doing: string, onFraction?: OnFraction): Promise<void>;
  /** Runs one statement; its rows as JSON values, integers beyond 2^53 as strings. */
  rows(sql: string, doing: string, onFraction?: OnFraction): Promise<Json[][]>;
  /** Runs one statement; its columns `c0`, …, text packed. */
  packed(
    sql: string,
    dtypes: readonly DType[],
    doing: string,
    options?: PackedOptions,
  ): Promise<readonly PrintedColumn[]>;
}

/** Lets work have an engine, as soon as one is free. */
export interface EnginePool<E extends Engine = Engine> {
  run<T>(work: (engine: E) => Promise<T>): Promise<T>;
}

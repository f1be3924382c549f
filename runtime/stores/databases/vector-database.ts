/**
 * The interface of vector databases: searches with a condition, loading and descriptions. One search has all queries of a request. A database
 * answers them in as few calls as its protocol allows.
 */
import type { Filter, Scalar } from "../../../contract/vector-filter/filter.js";
import type { AttributeDType } from "../../../formats/vectors/vector-store.js";
import type { Cancellation } from "../../base/cancellation.js";

export interface VectorQuery {
  /** Finite values, as many as the store's dimension. */
  readonly vector: Float32Array;
  /** At least 1. */
  readonly k: number;
  readonly filter: Filter;
}

export type Ids = BigInt64Array | readonly string[];

/** Hits of one query, best first. */
export interface Found {
  readonly ids: Ids;
  /** Inner products, squared distances or cosines, by the metric of the store. */
  readonly distances: Float32Array;
}

export interface VectorRows {
  readonly ids: readonly (bigint | string)[];
  /** One after the other. */
  readonly vectors: Float32Array;
  /** By attribute, in the order of the ids; undefined for a missing value. */
  readonly attributes: ReadonlyMap<string, readonly (Scalar | undefined)[]>;
}

export interface DatabaseInfo {
  /** Name and version. */
  readonly server: string;
  /** Vectors that it holds; an estimate if `isEstimate`. */
  readonly count: number;
  readonly isEstimate: boolean;
  readonly index: string;
  readonly attributes: Readonly<Record<string, AttributeDType>>;
}

export interface VectorDatabase {
  /**
   * @returns hits by query
   * @throws (rejects) RuntimeFault UNAVAILABLE if it is away or late, INVALID_ARGUMENT if it refuses, CANCELLED
   */
  search(queries: readonly VectorQuery[], signal?: Cancellation): Promise<readonly Found[]>;
  info(): Promise<DatabaseInfo>;
  close(): Promise<void>;
}

/** Writes a database; the table or collection is made where there is none. */
export interface VectorLoader {
  /** @returns true if it was made @throws RuntimeFault for one that differs from the store's file */
  create(): Promise<boolean>;
  /** Adds rows, and replaces those of known ids. */
  upsert(rows: VectorRows): Promise<void>;
  /** All ids, in batches. Databases with `swap` may lack it. */
  ids?(): AsyncIterable<readonly (bigint | string)[]>;
  /** Databases with `swap` may lack it. @returns how many were there */
  remove?(ids: readonly (bigint | string)[]): Promise<number>;
  /** Builds the index and refreshes statistics. */
  finish(): Promise<void>;
  /** Present if the database can replace all items in one step. */
  readonly swap?: Swap;
  close(): Promise<void>;
}

export interface Swap {
  /** Rows that follow are written to a copy, which searches don't see. */
  begin(): Promise<void>;
  /** Puts the copy in the place of the old items. @returns how many of them it does not have */
  end(): Promise<number>;
}

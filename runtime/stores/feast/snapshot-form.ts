/**
 * Snapshots of a SQLite online store as data, and the orders for them: what travels between threads, without the package that reads the file.
 */
import type { KeyVersion } from "../../../formats/feast/feast-key.js";
import type { Column } from "../../base/columns/table.js";
import type { FeatureColumn, ReadOptions, ViewRead } from "./store.js";

export interface ViewSnapshot {
  /** One column per join key of the view; entity i has row i. */
  readonly keys: readonly Column[];
  /** One more row than there are entities: the last is that of an unknown one. */
  readonly features: readonly FeatureColumn[];
  /** Bytes of a stored key without its texts, where that is the same for all: no two stored keys make equal ones then. */
  readonly keyFrame?: number;
}

/** The parts of a snapshot; they are sent to the thread that makes one. */
export interface SnapshotOrder {
  readonly file: string;
  readonly keyVersion: KeyVersion;
  readonly reads: readonly ViewRead[];
  readonly options: ReadOptions;
  /** Bytes that the snapshot may take, all views together. */
  readonly limit: number;
}

/** The part that a reader has in memory. */
export interface Snapshot {
  readonly views: readonly ViewSnapshot[];
  /** About how many bytes it takes. */
  readonly bytes: number;
}

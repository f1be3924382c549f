/**
 * The calls of the FAISS thread. Numbers travel as typed arrays, whose memory moves and is not copied.
 */
import type { FaissHeader, SearchParameters } from "../../../formats/faiss/faiss.js";

/** Ids that a query must not find: run `offsets[i] … offsets[i + 1]` belongs to query i. */
export interface Excluded {
  readonly ids: BigInt64Array;
  readonly offsets: Int32Array;
}

export interface LoadOrder {
  readonly path: string;
  /** Override those of the file. */
  readonly parameters: SearchParameters;
}

export interface SearchOrder {
  readonly index: number;
  /** `count` vectors of the index's dimension. */
  readonly queries: Float32Array;
  readonly count: number;
  readonly k: number;
  readonly excluded?: Excluded;
}

/** A loaded index. */
export interface FaissIndexInfo {
  readonly index: number;
  readonly dimension: number;
  readonly ntotal: number;
  readonly metric: "ip" | "l2";
  readonly header: FaissHeader;
}

/** Hits of a batch of queries: run `offsets[i] … offsets[i + 1]` belongs to query i, best first. */
export interface FaissHits {
  readonly ids: BigInt64Array;
  readonly distances: Float32Array;
  readonly offsets: Int32Array;
}

export interface FaissCalls {
  load(order: LoadOrder): FaissIndexInfo;
  search(order: SearchOrder): FaissHits;
  unload(index: number): void;
}

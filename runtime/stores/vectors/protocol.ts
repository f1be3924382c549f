/**
 * What the FAISS thread is asked and what it answers. Numbers travel as typed arrays, whose memory moves and is not copied.
 */
import type { FaissHeader, SearchParameters } from "../../../formats/faiss/faiss.js";

/** Ids that a query must not find: run `offsets[i] … offsets[i + 1]` belongs to query i. */
export interface Excluded {
  readonly ids: BigInt64Array;
  readonly offsets: Int32Array;
}

export type FaissRequest =
  | { readonly kind: "load"; readonly id: number; readonly path: string; readonly parameters: SearchParameters }
  | {
      readonly kind: "search";
      readonly id: number;
      readonly index: number;
      readonly queries: Float32Array;
      readonly count: number;
      readonly k: number;
      readonly excluded?: Excluded;
    }
  | { readonly kind: "unload"; readonly id: number; readonly index: number };

/** What a loaded index is. */
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

export type FaissReply =
  | { readonly id: number; readonly ok: true; readonly info?: FaissIndexInfo; readonly hits?: FaissHits }
  | { readonly id: number; readonly ok: false; readonly message: string };

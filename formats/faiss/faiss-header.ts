/**
 * The properties in a FAISS index file.
 */
export type FaissMetric = "ip" | "l2";

/**
 * The search for vectors (flat: all are compared), and their storage: full, product-quantized, or scalar-quantized. The last three are
 * around another index: they give ids, change queries before it sees them, or compare again what it finds.
 */
export type FaissKind =
  | "flat"
  | "pq"
  | "sq"
  | "ivf-flat"
  | "ivf-pq"
  | "ivf-sq"
  | "hnsw-flat"
  | "hnsw-pq"
  | "hnsw-sq"
  | "id-map"
  | "pre-transform"
  | "refine";

export interface FaissHeader {
  readonly kind: FaissKind;
  readonly dimension: number;
  readonly ntotal: number;
  readonly metric: FaissMetric;
  /** Length of a query beyond which float32 may not hold its distances; FAISS ends the process on some that are not numbers. */
  readonly longestQuery: number;
  /** IVF: number of inverted lists, and number of lists per search. */
  readonly nlist?: number;
  readonly nprobe?: number;
  /** HNSW: how many candidates a search keeps. */
  readonly efSearch?: number;
  /** Product quantizer: bytes per stored vector. */
  readonly codeSize?: number;
  /** Whether the file holds ids of its own, or a vector's position is its id. */
  readonly ids: "stored" | "positions";
  /** Refine: how many times `k` are compared again. */
  readonly kFactor?: number;
  /** Id map, pre-transform, refine: the index inside. */
  readonly inner?: FaissHeader;
}

export interface FaissLayout {
  readonly header: FaissHeader;
  /** Runs of int64 ids, in file order; of an inverted list with its number. */
  readonly idRuns: readonly { readonly offset: number; readonly count: number; readonly list?: number }[];
  /** Vectors that are kept as they are, in file order; as many as ids where there are id runs of lists. */
  readonly vectorRuns: readonly { readonly offset: number; readonly count: number }[];
  /** IVF: the metric of the centroids, and their offset if they are stored in full. */
  readonly centroids?: { readonly offset: number; readonly count: number; readonly metric: FaissMetric };
  /** Offsets of a search's own parameters: uint64 `nprobe`, int32 `efSearch`. */
  readonly nprobeAt?: number;
  readonly efSearchAt?: number;
  /** Bytes of tables that FAISS computes when it opens the file, and that it can search without. */
  readonly tables: number;
  /** Bytes that a search allocates for each query, beside its hits. */
  readonly scratch: number;
  /** Bytes that `tables` may take (faiss-memory.ts). */
  readonly room: number;
  readonly end: number;
}

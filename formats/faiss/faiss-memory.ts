/**
 * A bound on the memory that opening a FAISS index takes beside its file. FAISS computes tables from a few header fields. They are
 * distances between all pairs of a product quantizer's centroids, precomputed tables of IVF-PQ, and one C++ object per inverted list.
 */

/** Memory beside the file: this multiple of its size, and a fixed part for small files. */
const TIMES = 16;
const FIXED = 64 * 2 ** 20;

/** Bytes an inverted list takes without vectors: its id vector, its code vector, its size. */
export const LIST = 160;
/** Bytes an entry of a C++ hash table from int64 to int64 takes. */
export const HASH_ENTRY = 64;
/** FAISS leaves out a precomputed table that is larger (`precomputed_table_max_bytes`). */
export const LARGEST_PRECOMPUTED = 2 ** 31;

export const memoryLimit = (fileSize: number): number => FIXED + TIMES * fileSize;

/** @returns what describes the fault of an index that takes this memory, to follow its file's name */
export const memoryFault = (bytes: number, limit: number, what: string): string =>
  `takes ${megabytes(bytes)} MiB of memory for ${what}. An index of its size may take ${megabytes(limit)} MiB (${TIMES} times the file and ${FIXED / 2 ** 20} MiB)`;

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(bytes < 2 ** 30 ? 1 : 0);

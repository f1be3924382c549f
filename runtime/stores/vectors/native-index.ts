/**
 * A FAISS file, searched in this process by a binding of our own (native/search.cc): short searches at once, longer ones in libuv's threads.
 * If the binding is not compiled, thread.ts returns the same.
 */

import { readFile } from "node:fs/promises";
import { bytesSource } from "../../../formats/bytes/byte-source.js";
import {
  checkTables,
  type FaissHeader,
  type FaissLayout,
  readFaissLayoutFile,
  type SearchParameters,
  writeSearchParameters,
} from "../../../formats/faiss/faiss.js";
import { detachIds } from "../../../formats/faiss/faiss-detach.js";
import { readFaissLayout } from "../../../formats/faiss/faiss-layout.js";
import { printFlat } from "../../../formats/faiss/print-flat.js";
import { callCosts } from "../../base/call-costs.js";
import type { Cancellation } from "../../base/cancellation.js";
import { words } from "../../base/columns/words.js";
import { internal, RuntimeFault } from "../../base/errors.js";
import { processThreads } from "../../base/processors.js";
import { semaphore } from "../../base/semaphore.js";
import { sharedCopy } from "../../base/shared/shared-copy.js";
import { type SharedFile, sharedFile } from "../../base/shared/shared-file.js";
import { coalesceSearches } from "./coalesce-searches.js";
import { type FilteredWay, orExact, type SearchAmong } from "./filtered-search.js";
import { type Binding, binding, type Filter, type Found, type Handle, type Opened, WAYS } from "./native-binding.js";
import { type Find, type Hits, type SearchIndex, type SearchSize, search, searchSize } from "./search.js";

export interface NativeIndex {
  /** Whether it is a flat index that native/flat-scan.h searches: faster than anything else here. */
  readonly scans: boolean;
  readonly search: SearchIndex;
  /** Undefined for a kind of index that takes no filter, and if FAISS has ids instead of positions. */
  readonly searchAmong: SearchAmong | undefined;
  /** The id of each position; undefined where they are the same. */
  readonly ids: BigInt64Array | undefined;
  close(): Promise<void>;
}

/** A batch is searched in parallel parts of at least this size: for fewer than 20 queries FAISS does not use a matrix product. */
const PART = 32;
/** As many queries as one pass of flat-scan.h takes. */
const SCAN_PART = 8;
const PARTS = Math.min(4, processThreads());
/** The slots of all indexes: they share libuv's threads. */
const slots = semaphore(Number(process.env.UV_THREADPOOL_SIZE) || 4);

/** Limits the address space of this process, where the binding is compiled: allocations beyond it fail. */
export const limitMemory = (bytes: number): void => binding()?.limitMemory(bytes);

/**
 * @param parameters instead of the file's own
 * @param byPosition FAISS gets positions instead of ids, so that bits of positions can filter
 * @returns undefined where the binding is not to be had
 * @throws RuntimeFault naming the file
 */
export async function openNativeIndex(
  path: string,
  header: FaissHeader,
  parameters: SearchParameters,
  layout: Pick<FaissLayout, "header" | "tables" | "room" | "scratch"> = readFaissLayoutFile(path),
  byPosition = false,
): Promise<NativeIndex | undefined> {
  const faiss = binding();
  if (!faiss) return undefined;
  const { dimension, ntotal } = header;
  // Without tables searches take longer and find the same.
  const tables = layout.tables <= layout.room;
  if (!tables && !faiss.skipsTables) checkTables(layout, path);
  const size = searchSize(layout, parameters);
  const detached = header.ids === "stored" ? detachIds(path, byPosition) : undefined;
  const changes = parameters.nprobe !== undefined || parameters.efSearch !== undefined;
  // FAISS names what is wrong with a file that cannot be copied.
  const shared = faiss.viewsMemory && !detached ? await sharedCopy(path).catch(() => undefined) : undefined;
  const bytes = detached?.bytes ?? shared?.bytes ?? (changes ? await readFile(path) : undefined);
  if (bytes) writeSearchParameters(bytes, parameters);
  const opened = await faiss.open(bytes ?? path, tables, shared !== undefined).catch((error: Error) => {
    throw internal(`${path}: FAISS can not open it: ${firstLine(error)}`);
  });
  const { handle, filters } = opened;
  if (opened.ntotal !== ntotal || opened.dimension !== dimension) {
    faiss.close(handle);
    throw internal(`${path} changed while it was read`);
  }
  const scans = opened.scans || (shared !== undefined && (await scanShared(faiss, opened, shared)));
  const takesFilter = filters && (header.ids === "positions" || byPosition);
  return searchesOf(faiss, handle, { what: path, size, scans, takesFilter, ids: detached?.ids });
}

/**
 * Vectors in memory, with an id each, as a flat index.
 * @param what it is, for messages
 * @returns undefined where the binding is not to be had
 */
export async function openNativeVectors(
  { vectors, ids, dimension, metric }: MemoryVectors,
  what: string,
): Promise<NativeIndex | undefined> {
  const faiss = binding();
  if (!faiss) return undefined;
  const bytes = printFlat(vectors, dimension, metric);
  const layout = readFaissLayout(bytesSource(bytes), what);
  const { handle, scans, filters } = await faiss.open(bytes, true, false);
  return searchesOf(faiss, handle, { what, size: searchSize(layout), scans, takesFilter: filters, ids });
}

export interface MemoryVectors {
  /** Row after row, finite. */
  readonly vectors: Float32Array;
  readonly ids: BigInt64Array;
  readonly dimension: number;
  readonly metric: FaissHeader["metric"];
}

interface Searched {
  readonly what: string;
  readonly size: SearchSize;
  readonly scans: boolean;
  readonly takesFilter: boolean;
  readonly ids: BigInt64Array | undefined;
}

function searchesOf(faiss: Binding, handle: Handle, { what, size, scans, takesFilter, ids }: Searched): NativeIndex {
  const { dimension } = size;
  const find = finder(faiss, handle, { dimension, part: scans ? SCAN_PART : PART, ids });
  const single = find([], 0);
  const all = scans ? coalesceSearches(single) : single;
  const fail = (error: unknown): never => {
    if (error instanceof RuntimeFault) throw error;
    throw internal(`${what}: ${firstLine(error as Error)}`);
  };
  /** Searches that have begun, or wait for their turn: closing waits for them. */
  let open = 0;
  let closing: (() => void) | undefined;
  const end = (): void => {
    if (--open === 0) closing?.();
  };
  const searchBy =
    (by: Find): SearchIndex =>
    (queries, count, k, excluded, signal) => {
      try {
        const hits = search(by, size, queries, count, k, excluded, signal);
        if (!(hits instanceof Promise)) return hits;
        open++;
        return hits.catch(fail).finally(end);
      } catch (error) {
        return fail(error);
      }
    };
  const searchAmong: SearchAmong = ({ bits, count: set, way, effort }, ...asked) => {
    const among = (by: FilteredWay) => find([bits, WAYS.indexOf(by), effort], costClass(by, set));
    const exact = among("exact");
    return searchBy(way === "exact" ? exact : orExact(among(way), exact, set, dimension))(...asked);
  };
  return {
    scans,
    ids,
    searchAmong: takesFilter ? searchAmong : undefined,
    search: searchBy(all),
    close: async () => {
      if (open > 0)
        await new Promise<void>(resolve => {
          closing = resolve;
        });
      faiss.close(handle);
    },
  };
}

/** Bytes of a scan beside the rounded numbers of each vector. */
const SCAN_FACTS = 16;

/** Lets a flat index scan by codes that processes share, as they share its vectors. @returns whether it scans */
async function scanShared(
  faiss: Binding,
  { handle, scannable, ntotal, dimension }: Opened,
  vectors: SharedFile,
): Promise<boolean> {
  if (!scannable) return false;
  const codes = await sharedFile({
    key: `scan 1 of ${vectors.path}`,
    size: ntotal * (dimension + SCAN_FACTS),
    write: async file => void (await faiss.makeScan(handle, file)),
  });
  return codes ? faiss.useScan(handle, codes.bytes) : faiss.makeScan(handle);
}

const firstLine = ({ message }: Error): string => message.split("\n")[0]!;

/** Searches that cost about the same, beside `k`: those of one way among a number of vectors up to a power of two. Zero is the search of all. */
const costClass = (way: FilteredWay, set: number): number =>
  64 * (1 + 64 * WAYS.indexOf(way) + Math.ceil(Math.log2(set + 1)));

interface FinderOptions {
  readonly dimension: number;
  /** Queries of one part of a batch. */
  readonly part: number;
  /** The id of each position that FAISS answers with. */
  readonly ids: BigInt64Array | undefined;
}

/** Searches of one index, synchronously or in a thread by the measured cost of similar searches. */
function finder(
  faiss: Binding,
  handle: Handle,
  { dimension, part, ids }: FinderOptions,
): (filter: Filter, costs: number) => Find {
  const costs = callCosts();
  const inThread = async (
    filter: Filter,
    queries: Float32Array,
    count: number,
    k: number,
    size: number,
    signal: Cancellation | undefined,
  ): Promise<Hits[]> => {
    const rows = Math.ceil(count / Math.max(1, Math.min(PARTS, Math.floor(count / part))));
    const parts = Array.from({ length: Math.ceil(count / rows) }, async (_, part) => {
      const first = part * rows;
      const n = Math.min(rows, count - first);
      const asked = queries.subarray(first * dimension, (first + n) * dimension);
      const some = await slots(() => faiss.searchAsync(handle, asked, n, k, ...filter), signal);
      costs.learn(size, n, some.micros);
      return hitsOf(some, n, k, ids);
    });
    return (await Promise.all(parts)).flat();
  };
  return (filter, costClass) => (queries, count, k, signal) => {
    // The cost of a search depends on the power of two that bounds k.
    const size = costClass + Math.ceil(Math.log2(k));
    if (!costs.isQuick(size, count)) return inThread(filter, queries, count, k, size, signal);
    const all = faiss.searchSync(handle, queries, count, k, ...filter);
    costs.learn(size, count, all.micros);
    return hitsOf(all, count, k, ids);
  };
}

/** FAISS puts what it did not find last. */
function hitsOf({ ids, distances }: Found, count: number, k: number, stored: BigInt64Array | undefined): Hits[] {
  const pairs = words(ids);
  const from = stored && words(stored);
  return Array.from({ length: count }, (_, row) => {
    const start = row * k;
    let end = start + k;
    while (end > start && pairs[2 * end - 1]! < 0) end--;
    // Positions are beyond no int32: the low words are the numbers.
    if (from)
      for (let i = start; i < end; i++) {
        const at = pairs[2 * i]!;
        if (at >= stored!.length) throw new RangeError(`FAISS found the position ${at} among ${stored!.length}`);
        pairs[2 * i] = from[2 * at]!;
        pairs[2 * i + 1] = from[2 * at + 1]!;
      }
    return { ids: ids.subarray(start, end), distances: distances.subarray(start, end) };
  });
}

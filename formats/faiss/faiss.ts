/**
 * FAISS index files without FAISS: file or bytes → header; bytes built with ids 0 … n−1 → the same index with ids of its own.
 */
import { type ByteSource, bytesSource, withFile } from "../bytes/byte-source.js";
import { MAX_EF_SEARCH } from "./faiss-graph.js";
import type { FaissHeader, FaissLayout } from "./faiss-header.js";
import { readFaissLayout } from "./faiss-layout.js";
import { memoryFault } from "./faiss-memory.js";
import { damaged, FaissFileError } from "./faiss-reader.js";

export type { FaissHeader, FaissKind, FaissLayout, FaissMetric } from "./faiss-header.js";
export { FaissFileError } from "./faiss-reader.js";

/** @throws FaissFileError naming the file */
export const readFaissHeaderFile = (path: string): FaissHeader => withFile(path, source => header(source, path));

/** @param where file name, for messages @throws FaissFileError */
export const readFaissHeader = (bytes: Uint8Array, where = "the index"): FaissHeader =>
  header(bytesSource(bytes), where);

/** @throws FaissFileError naming the file */
export const readFaissLayoutFile = (path: string): FaissLayout => withFile(path, source => layout(source, path));

const header = (source: ByteSource, where: string): FaissHeader => layout(source, where).header;

function layout(source: ByteSource, where: string): FaissLayout {
  const read = readFaissLayout(source, where);
  if (read.end !== source.size) throw damaged(where, `${source.size - read.end} bytes follow the index`);
  return read;
}

/** @throws FaissFileError where FAISS would compute tables of more memory than a file of this size may take */
export function checkTables({ tables, room }: Pick<FaissLayout, "tables" | "room">, where: string): void {
  if (tables > room)
    throw new FaissFileError(`${where} ${memoryFault(tables, room, "tables that speed searches up")}.`);
}

/**
 * Rewrites the ids of an IVF index: vector i, with id i in the index, becomes `ids[i]`.
 * @param bytes as FAISS wrote them after adding vectors in the order of `ids`
 * @returns a copy
 */
export function patchIvfIds(bytes: Uint8Array, ids: BigInt64Array): Uint8Array {
  const { header, idRuns } = readFaissLayout(bytesSource(bytes), "the index");
  if (!header.kind.startsWith("ivf"))
    throw new RangeError(
      `ids inside the lists belong to IVF indexes, this one is ${header.kind}: wrap it with \`wrapIdMap\`.`,
    );
  checkCount(header, ids);
  // A small Buffer is a part of a larger one, and its own `slice` would share that.
  const patched = Uint8Array.from(bytes);
  const view = new DataView(patched.buffer);
  for (const { offset, count } of idRuns)
    for (let at = offset; at < offset + count * 8; at += 8) {
      const position = Number(view.getBigInt64(at, true));
      const id = ids[position];
      if (id === undefined)
        throw new RangeError(`the index already holds the id ${position}, beyond its ${ids.length} vectors.`);
      view.setBigInt64(at, id, true);
    }
  return patched;
}

/** How a search trades exactness for time. */
export interface SearchParameters {
  /** IVF: lists that a search visits. */
  readonly nprobe?: number | undefined;
  /** HNSW: candidates that a search keeps. */
  readonly efSearch?: number | undefined;
}

/** The index that does the searching, whatever is around it. */
export const searchedBy = (header: FaissHeader): FaissHeader => (header.inner ? searchedBy(header.inner) : header);

/** The index that answers with the ids of an id map, or the index itself. */
export const withinIds = (header: FaissHeader): FaissHeader =>
  header.kind === "id-map" ? withinIds(header.inner!) : header;

/**
 * Says why an index can not be searched so, or nothing.
 * @returns a sentence that completes "the index …"
 */
export function searchFault(header: FaissHeader, { nprobe, efSearch }: SearchParameters): string | undefined {
  const searched = searchedBy(header);
  if (nprobe !== undefined && searched.nlist === undefined)
    return `has no lists (it is ${searched.kind}), and \`nprobe\` is given`;
  if (nprobe !== undefined && nprobe > searched.nlist!)
    return `has ${searched.nlist} lists, and \`nprobe\` is ${nprobe}`;
  if (efSearch !== undefined && searched.efSearch === undefined)
    return `has no graph (it is ${searched.kind}), and \`efSearch\` is given`;
  if (efSearch !== undefined && efSearch > MAX_EF_SEARCH)
    return `is searched with \`efSearch\` ${efSearch}, and a search allocates that number of candidates; give ${MAX_EF_SEARCH} at most`;
  return undefined;
}

/** Writes into an HNSW index, in place, how many candidates an insertion keeps: the int32 before those of a search. */
export function writeConstruction(bytes: Uint8Array, efConstruction: number): void {
  const { efSearchAt } = readFaissLayout(bytesSource(bytes), "the index");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (efSearchAt !== undefined) view.setInt32(efSearchAt - 4, efConstruction, true);
}

/** Writes a search's parameters into the header, in place; FAISS reads them from there. */
export function writeSearchParameters(bytes: Uint8Array, { nprobe, efSearch }: SearchParameters): void {
  const { nprobeAt, efSearchAt } = readFaissLayout(bytesSource(bytes), "the index");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (nprobe !== undefined && nprobeAt !== undefined) view.setBigUint64(nprobeAt, BigInt(nprobe), true);
  if (efSearch !== undefined && efSearchAt !== undefined) view.setInt32(efSearchAt, efSearch, true);
}

/** The vectors of an index that keeps them as they are, with their ids. */
export function readFaissVectors(
  bytes: Uint8Array,
): { readonly vectors: Float32Array; readonly ids: BigInt64Array } | undefined {
  const { header, vectorRuns, idRuns } = readFaissLayout(bytesSource(bytes), "the index");
  const { ntotal, dimension } = header;
  if (vectorRuns.reduce((n, run) => n + run.count, 0) !== ntotal) return undefined;
  const copy = (runs: FaissLayout["idRuns"], size: number) => {
    const all = new Uint8Array(ntotal * size);
    let at = 0;
    for (const { offset, count } of runs) {
      all.set(bytes.subarray(offset, offset + count * size), at);
      at += count * size;
    }
    return all.buffer;
  };
  const ids =
    header.ids === "stored"
      ? new BigInt64Array(copy(idRuns, 8))
      : BigInt64Array.from({ length: ntotal }, (_, i) => BigInt(i));
  return { vectors: new Float32Array(copy(vectorRuns, dimension * 4)), ids };
}

export interface FaissLists {
  readonly metric: "ip" | "l2";
  /** One per list. */
  readonly centroids: Float32Array;
  readonly lists: readonly { readonly ids: BigInt64Array; readonly vectors: Float32Array }[];
}

/** The inverted lists of an index that keeps vectors and centroids as they are. */
export function readFaissLists(bytes: Uint8Array): FaissLists | undefined {
  const { header, vectorRuns, idRuns, centroids } = readFaissLayout(bytesSource(bytes), "the index");
  const { nlist, dimension } = header;
  if (nlist === undefined || !centroids || vectorRuns.length !== idRuns.length) return undefined;
  // A Buffer's own `slice` would share the memory.
  const copy = (offset: number, size: number) => Uint8Array.from(bytes.subarray(offset, offset + size)).buffer;
  const lists = Array.from({ length: nlist }, () => ({ ids: new BigInt64Array(0), vectors: new Float32Array(0) }));
  idRuns.forEach(({ offset, count, list }, i) => {
    lists[list!] = {
      ids: new BigInt64Array(copy(offset, count * 8)),
      vectors: new Float32Array(copy(vectorRuns[i]!.offset, count * dimension * 4)),
    };
  });
  const places = new Float32Array(copy(centroids.offset, nlist * dimension * 4));
  return { metric: centroids.metric, centroids: places, lists };
}

/** Puts an id map around an index with positions: FAISS's `IDMap`. */
export function wrapIdMap(bytes: Uint8Array, ids: BigInt64Array): Uint8Array {
  const inner = readFaissHeader(bytes);
  if (inner.ids === "stored") throw new RangeError(`the index (${inner.kind}) has ids of its own.`);
  checkCount(inner, ids);
  // The wrapper's header repeats the inner one behind its own four letters.
  const head = 37;
  const wrapped = new Uint8Array(head + bytes.length + 8 + ids.length * 8);
  wrapped.set(bytes.subarray(0, head));
  wrapped.set(new TextEncoder().encode("IxMp"));
  wrapped.set(bytes, head);
  const view = new DataView(wrapped.buffer);
  view.setBigUint64(head + bytes.length, BigInt(ids.length), true);
  ids.forEach((id, i) => {
    view.setBigInt64(head + bytes.length + 8 + i * 8, id, true);
  });
  return wrapped;
}

function checkCount(header: FaissHeader, ids: BigInt64Array): void {
  if (ids.length !== header.ntotal) throw new RangeError(`${ids.length} ids for an index of ${header.ntotal} vectors.`);
}

/**
 * A FAISS index file → its header and the places of its ids. The whole structure is walked, because FAISS may end the process on a file
 * that lies about a length; vectors are stepped over.
 */
import type { ByteSource } from "./byte-source.js";
import { damaged, FaissFileError, type FaissReader, faissReader } from "./faiss-reader.js";

export type FaissMetric = "ip" | "l2";

/** How vectors are found (flat: all are looked at), and how they are kept: as they are, product-quantised, or scalar-quantised. */
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
  | "id-map";

export interface FaissHeader {
  readonly kind: FaissKind;
  readonly dimension: number;
  readonly ntotal: number;
  readonly metric: FaissMetric;
  /** IVF: how many inverted lists there are, and how many a search visits. */
  readonly nlist?: number;
  readonly nprobe?: number;
  /** HNSW: how many candidates a search keeps. */
  readonly efSearch?: number;
  /** Product quantiser: bytes that a vector is kept in. */
  readonly codeSize?: number;
  /** Whether the file holds ids of its own, or a vector's position is its id. */
  readonly ids: "stored" | "positions";
  /** Id map: the index inside. */
  readonly inner?: FaissHeader;
}

export interface FaissLayout {
  readonly header: FaissHeader;
  /** Runs of int64 ids, in file order; of an inverted list with its number. */
  readonly idRuns: readonly { readonly offset: number; readonly count: number; readonly list?: number }[];
  /** Vectors that are kept as they are, in file order; as many as ids where there are id runs of lists. */
  readonly vectorRuns: readonly { readonly offset: number; readonly count: number }[];
  /** IVF: how the centroids are compared, and where they stand, when they are kept as they are. */
  readonly centroids?: { readonly offset: number; readonly count: number; readonly metric: FaissMetric };
  /** Where a search's own parameters stand: uint64 `nprobe`, int32 `efSearch`. */
  readonly nprobeAt?: number;
  readonly efSearchAt?: number;
  readonly end: number;
}

/** What is noted on the way; the parts of a quantiser are not. */
interface Noted {
  readonly idRuns: { offset: number; count: number; list?: number }[];
  centroids?: FaissLayout["centroids"] & object;
  readonly vectorRuns: { offset: number; count: number }[];
  nprobeAt?: number;
  efSearchAt?: number;
}
const nothing = (): Noted => ({ idRuns: [], vectorRuns: [] });
type Common = Pick<FaissHeader, "dimension" | "ntotal" | "metric">;

const SERVED = "Flat, PQ and SQ, IVF and HNSW of those, and IDMap or IDMap2";
const MAX_DIMENSION = 65_536;

/** @param where file name, for messages @throws FaissFileError */
export function readFaissLayout(source: ByteSource, where: string): FaissLayout {
  const reader = faissReader(source, where);
  const noted = nothing();
  const header = index(reader, noted, false);
  return { header, ...noted, end: reader.at() };
}

function index(r: FaissReader, noted: Noted, inner: boolean): FaissHeader {
  const kind = r.fourcc();
  switch (kind) {
    case "IxFI":
    case "IxF2":
      return flat(r, noted);
    case "IxPq":
      return pq(r);
    case "IxSQ":
      return sq(r);
    case "IwFl":
      return ivf(r, noted, "ivf-flat");
    case "IwPQ":
      return ivf(r, noted, "ivf-pq");
    case "IwSq":
      return ivf(r, noted, "ivf-sq");
    case "IHNf":
    case "IHNp":
    case "IHNs":
      return hnsw(r, noted);
    case "IxMp":
    case "IxM2":
      if (!inner) return idMap(r, noted);
  }
  if (/^I[\w]{3}$/.test(kind))
    throw new FaissFileError(
      `${r.where} is a FAISS index of kind \`${kind}\`, which is not served. Served are ${SERVED}.`,
    );
  throw damaged(r.where, `it begins with ${JSON.stringify(kind)}`);
}

function common(r: FaissReader): Common {
  const dimension = r.int32();
  if (dimension < 1 || dimension > MAX_DIMENSION) throw damaged(r.where, `the dimension is ${dimension}`);
  const ntotal = r.count();
  r.skip(16, "the header");
  if (r.byte() !== 1)
    throw new FaissFileError(`${r.where} holds an index that was never trained. Train it and add vectors first.`);
  const metric = r.int32();
  if (metric !== 0 && metric !== 1)
    throw new FaissFileError(`${r.where} uses FAISS metric ${metric}; served are inner product (0) and L2 (1).`);
  return { dimension, ntotal, metric: metric === 0 ? "ip" : "l2" };
}

function flat(r: FaissReader, noted: Noted): FaissHeader {
  const head = common(r);
  noted.vectorRuns.push({ offset: r.at() + 8, count: head.ntotal });
  r.vector(head.ntotal * head.dimension, 4, "vectors");
  return { kind: "flat", ...head, ids: "positions" };
}

/** Product quantiser: `M` parts of `nbits` each. @returns bytes a vector is kept in */
function productQuantizer(r: FaissReader, dimension: number): number {
  const d = r.count();
  const parts = r.count();
  const bits = r.count();
  if (d !== dimension || parts < 1 || dimension % parts !== 0 || bits < 1 || bits > 24)
    throw damaged(r.where, `a product quantiser of ${parts} parts of ${bits} bits for ${d} dimensions`);
  r.vector(dimension * 2 ** bits, 4, "centroids of the product quantiser");
  return Math.ceil((parts * bits) / 8);
}

/** @returns bytes a vector is kept in */
function scalarQuantizer(r: FaissReader, dimension: number): number {
  r.skip(12, "kind and range of the scalar quantiser");
  const d = r.count();
  const codeSize = r.count();
  if (d !== dimension || codeSize < 1 || codeSize > dimension * 8)
    throw damaged(r.where, `a scalar quantiser of ${codeSize} bytes for ${d} dimensions`);
  const trained = r.count();
  r.skip(trained * 4, "ranges of the scalar quantiser");
  return codeSize;
}

function pq(r: FaissReader): FaissHeader {
  const head = common(r);
  const codeSize = productQuantizer(r, head.dimension);
  r.vector(head.ntotal * codeSize, 1, "codes");
  // Search type, whether signs are encoded, Hamming threshold.
  r.skip(9, "parameters");
  return { kind: "pq", ...head, codeSize, ids: "positions" };
}

function sq(r: FaissReader): FaissHeader {
  const head = common(r);
  const codeSize = scalarQuantizer(r, head.dimension);
  r.vector(head.ntotal * codeSize, 1, "codes");
  return { kind: "sq", ...head, codeSize, ids: "positions" };
}

function ivf(r: FaissReader, noted: Noted, kind: "ivf-flat" | "ivf-pq" | "ivf-sq"): FaissHeader {
  const head = common(r);
  const nlist = r.count();
  noted.nprobeAt = r.at();
  const nprobe = r.count();
  if (nprobe === 0) throw damaged(r.where, "nprobe is 0: a search would visit nothing");
  const within = nothing();
  const quantizer = index(r, within, true);
  const [centroids] = within.vectorRuns;
  if (centroids && quantizer.kind === "flat") noted.centroids = { ...centroids, metric: quantizer.metric };
  if (quantizer.kind.startsWith("ivf") || quantizer.ntotal !== nlist || quantizer.dimension !== head.dimension)
    throw damaged(
      r.where,
      `the quantizer has ${quantizer.ntotal} centroids of ${quantizer.dimension} dimensions for ${nlist} lists`,
    );
  const directMap = r.byte();
  if (directMap > 1)
    throw new FaissFileError(
      `${r.where} has a direct map of type ${directMap}, which is not served. Write it without one.`,
    );
  r.vector(directMap === 0 ? 0 : head.ntotal, 8, "entries of the direct map");
  const codeSize = listCodes(r, kind, head.dimension);
  const stored = invertedLists(r, nlist, codeSize, noted, kind === "ivf-flat");
  if (stored !== head.ntotal)
    throw damaged(r.where, `the lists hold ${stored} vectors and the header says ${head.ntotal}`);
  return { kind, ...head, nlist, nprobe, ...(kind !== "ivf-flat" && { codeSize }), ids: "stored" };
}

/** What stands between the lists' header and the lists. @returns bytes a vector is kept in */
function listCodes(r: FaissReader, kind: "ivf-flat" | "ivf-pq" | "ivf-sq", dimension: number): number {
  if (kind === "ivf-flat") return dimension * 4;
  if (kind === "ivf-sq") {
    const codeSize = scalarQuantizer(r, dimension);
    if (r.count() !== codeSize) throw damaged(r.where, "codes of lists and quantiser differ in size");
    r.skip(1, "whether residuals are encoded");
    return codeSize;
  }
  r.skip(1, "whether residuals are encoded");
  const said = r.count();
  const codeSize = productQuantizer(r, dimension);
  if (said !== codeSize) throw damaged(r.where, `codes of ${said} bytes and a quantiser of ${codeSize}`);
  return codeSize;
}

function invertedLists(r: FaissReader, nlist: number, codeSize: number, noted: Noted, plain: boolean): number {
  const kind = r.fourcc();
  if (kind !== "ilar")
    throw new FaissFileError(
      `${r.where} keeps its inverted lists as \`${kind}\`; served are lists inside the file (\`ilar\`).`,
    );
  const lists = r.count();
  const code = r.count();
  if (lists !== nlist || code !== codeSize)
    throw damaged(r.where, `${lists} lists of ${code} bytes a vector where ${nlist} of ${codeSize} belong`);
  let stored = 0;
  for (const [list, count] of listSizes(r, nlist)) {
    if (count === 0) continue;
    if (plain) noted.vectorRuns.push({ offset: r.at(), count });
    r.skip(count * codeSize, "vectors of a list");
    noted.idRuns.push({ offset: r.at(), count, list });
    r.skip(count * 8, "ids of a list");
    stored += count;
  }
  return stored;
}

function listSizes(r: FaissReader, nlist: number): (readonly [list: number, size: number])[] {
  const form = r.fourcc();
  const length = r.count();
  if (form === "full" && length !== nlist) throw damaged(r.where, `${length} list sizes for ${nlist} lists`);
  if ((form !== "full" && form !== "sprs") || length > 2 * nlist)
    throw damaged(r.where, `list sizes begin with ${JSON.stringify(form)} and ${length}`);
  const words = r.view(length * 8);
  const word = (i: number) => Number(words.getBigUint64(i * 8, true));
  if (form === "full") return Array.from({ length }, (_, i) => [i, word(i)] as const);
  // Sparse: pairs of list and size.
  for (let i = 0; i < length; i += 2)
    if (word(i) >= nlist) throw damaged(r.where, `a size for list ${word(i)} of ${nlist}`);
  return Array.from({ length: length / 2 }, (_, i) => [word(2 * i), word(2 * i + 1)] as const);
}

function idMap(r: FaissReader, noted: Noted): FaissHeader {
  const head = common(r);
  const within = nothing();
  const inner = index(r, within, true);
  noted.vectorRuns.push(...within.vectorRuns);
  if (within.centroids) noted.centroids = within.centroids;
  if (within.nprobeAt !== undefined) noted.nprobeAt = within.nprobeAt;
  if (within.efSearchAt !== undefined) noted.efSearchAt = within.efSearchAt;
  if (inner.ntotal !== head.ntotal || inner.dimension !== head.dimension || inner.metric !== head.metric)
    throw damaged(r.where, `an id map of ${head.ntotal} vectors holds an index of ${inner.ntotal}`);
  const count = r.count();
  if (count !== head.ntotal) throw damaged(r.where, `${count} ids for ${head.ntotal} vectors`);
  noted.idRuns.push({ offset: r.at(), count });
  r.skip(count * 8, "ids");
  return { kind: "id-map", ...head, ids: "stored", inner };
}

function hnsw(r: FaissReader, noted: Noted): FaissHeader {
  const head = common(r);
  const { ntotal } = head;
  r.skip(r.count() * 8, "level probabilities");
  const perLevel = int32s(r, r.count());
  for (let i = 1; i < perLevel.length; i++)
    if (perLevel[i]! < perLevel[i - 1]!) throw damaged(r.where, "neighbour counts of levels decrease");
  const count = r.count();
  const levels = int32s(r, count);
  if (count !== ntotal || levels.some(level => level < 1 || level >= perLevel.length))
    throw damaged(r.where, "levels do not fit the vectors");
  const offsetCount = r.count();
  const offsets = r.view(offsetCount * 8);
  const neighbourCount = r.count();
  const neighbours = int32s(r, neighbourCount);
  if (neighbours.some(id => id < -1 || id >= ntotal)) throw damaged(r.where, "a link to a vector that does not exist");
  if (offsetCount !== ntotal + 1) throw damaged(r.where, `${offsetCount} link offsets for ${ntotal} vectors`);
  for (let i = 0; i < ntotal; i++) {
    const length = offsets.getBigUint64(i * 8 + 8, true) - offsets.getBigUint64(i * 8, true);
    if (length !== BigInt(perLevel[levels[i]!]!)) throw damaged(r.where, `vector ${i} has ${length} places for links`);
  }
  if (offsets.getBigUint64(0, true) !== 0n || offsets.getBigUint64(ntotal * 8, true) !== BigInt(neighbourCount))
    throw damaged(r.where, "links end early");
  const entry = r.int32();
  const maxLevel = r.int32();
  if (
    entry < -1 ||
    entry >= ntotal ||
    (ntotal > 0 && entry === -1) ||
    maxLevel >= perLevel.length - 1 ||
    (entry >= 0 && maxLevel > levels[entry]! - 1)
  )
    throw damaged(r.where, `it starts at vector ${entry} on level ${maxLevel}`);
  r.skip(4, "efConstruction");
  noted.efSearchAt = r.at();
  const efSearch = r.int32();
  if (efSearch < 1) throw damaged(r.where, `efSearch is ${efSearch}`);
  // FAISS no longer uses it.
  r.skip(4, "the upper beam");
  const storage = index(r, noted, true);
  if (!["flat", "pq", "sq"].includes(storage.kind) || storage.ntotal !== ntotal || storage.dimension !== head.dimension)
    throw damaged(r.where, "its vectors do not fit its graph");
  const kind = `hnsw-${storage.kind}` as "hnsw-flat" | "hnsw-pq" | "hnsw-sq";
  return { kind, ...head, efSearch, ids: "positions" };
}

function int32s(r: FaissReader, length: number): Int32Array {
  const view = r.view(length * 4);
  return Int32Array.from({ length }, (_, i) => view.getInt32(i * 4, true));
}

/**
 * A FAISS index file → its header and the places of its ids. The whole structure is walked, because FAISS may end the process on a file
 * that lies about a length; vectors are stepped over.
 */
import type { ByteSource } from "./byte-source.js";
import { damaged, FaissFileError, type FaissReader, faissReader } from "./faiss-reader.js";

export type FaissMetric = "ip" | "l2";

export interface FaissHeader {
  readonly kind: "flat" | "ivf-flat" | "id-map" | "hnsw-flat";
  readonly dimension: number;
  readonly ntotal: number;
  readonly metric: FaissMetric;
  /** IVF: how many inverted lists there are, and how many a search visits. */
  readonly nlist?: number;
  readonly nprobe?: number;
  /** Whether the file holds ids of its own, or a vector's position is its id. */
  readonly ids: "stored" | "positions";
  /** Id map: the index inside. */
  readonly inner?: FaissHeader;
}

export interface FaissLayout {
  readonly header: FaissHeader;
  /** Runs of int64 ids, in file order. */
  readonly idRuns: readonly { readonly offset: number; readonly count: number }[];
  readonly end: number;
}

type IdRuns = { offset: number; count: number }[];
type Common = Pick<FaissHeader, "dimension" | "ntotal" | "metric">;

const SERVED = "Flat, IVF,Flat, HNSW,Flat, and IDMap or IDMap2 of those";
const MAX_DIMENSION = 65_536;

/** @param where file name, for messages @throws FaissFileError */
export function readFaissLayout(source: ByteSource, where: string): FaissLayout {
  const reader = faissReader(source, where);
  const idRuns: IdRuns = [];
  const header = index(reader, idRuns, false);
  return { header, idRuns, end: reader.at() };
}

function index(r: FaissReader, idRuns: IdRuns, inner: boolean): FaissHeader {
  const kind = r.fourcc();
  switch (kind) {
    case "IxFI":
    case "IxF2":
      return flat(r);
    case "IwFl":
      return ivf(r, idRuns);
    case "IHNf":
      return hnsw(r);
    case "IxMp":
    case "IxM2":
      if (!inner) return idMap(r, idRuns);
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

function flat(r: FaissReader): FaissHeader {
  const head = common(r);
  r.vector(head.ntotal * head.dimension, 4, "vectors");
  return { kind: "flat", ...head, ids: "positions" };
}

function ivf(r: FaissReader, idRuns: IdRuns): FaissHeader {
  const head = common(r);
  const nlist = r.count();
  const nprobe = r.count();
  if (nprobe === 0) throw damaged(r.where, "nprobe is 0: a search would visit nothing");
  const quantizer = index(r, [], true);
  if (quantizer.kind === "ivf-flat" || quantizer.ntotal !== nlist || quantizer.dimension !== head.dimension)
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
  const stored = invertedLists(r, nlist, head.dimension * 4, idRuns);
  if (stored !== head.ntotal)
    throw damaged(r.where, `the lists hold ${stored} vectors and the header says ${head.ntotal}`);
  return { kind: "ivf-flat", ...head, nlist, nprobe, ids: "stored" };
}

function invertedLists(r: FaissReader, nlist: number, codeSize: number, idRuns: IdRuns): number {
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
  for (const count of listSizes(r, nlist)) {
    if (count === 0) continue;
    r.skip(count * codeSize, "vectors of a list");
    idRuns.push({ offset: r.at(), count });
    r.skip(count * 8, "ids of a list");
    stored += count;
  }
  return stored;
}

function listSizes(r: FaissReader, nlist: number): number[] {
  const form = r.fourcc();
  const length = r.count();
  if (form === "full" && length !== nlist) throw damaged(r.where, `${length} list sizes for ${nlist} lists`);
  if ((form !== "full" && form !== "sprs") || length > 2 * nlist)
    throw damaged(r.where, `list sizes begin with ${JSON.stringify(form)} and ${length}`);
  const words = r.view(length * 8);
  const word = (i: number) => Number(words.getBigUint64(i * 8, true));
  if (form === "full") return Array.from({ length }, (_, i) => word(i));
  // Sparse: pairs of list and size.
  for (let i = 0; i < length; i += 2)
    if (word(i) >= nlist) throw damaged(r.where, `a size for list ${word(i)} of ${nlist}`);
  return Array.from({ length: length / 2 }, (_, i) => word(2 * i + 1));
}

function idMap(r: FaissReader, idRuns: IdRuns): FaissHeader {
  const head = common(r);
  const inner = index(r, [], true);
  if (inner.ntotal !== head.ntotal || inner.dimension !== head.dimension || inner.metric !== head.metric)
    throw damaged(r.where, `an id map of ${head.ntotal} vectors holds an index of ${inner.ntotal}`);
  const count = r.count();
  if (count !== head.ntotal) throw damaged(r.where, `${count} ids for ${head.ntotal} vectors`);
  idRuns.push({ offset: r.at(), count });
  r.skip(count * 8, "ids");
  return { kind: "id-map", ...head, ids: "stored", inner };
}

function hnsw(r: FaissReader): FaissHeader {
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
  // efConstruction, efSearch, and a field that FAISS no longer uses.
  r.skip(12, "parameters");
  const storage = index(r, [], true);
  if (storage.kind !== "flat" || storage.ntotal !== ntotal || storage.dimension !== head.dimension)
    throw damaged(r.where, "its vectors do not fit its graph");
  return { kind: "hnsw-flat", ...head, ids: "positions" };
}

function int32s(r: FaissReader, length: number): Int32Array {
  const view = r.view(length * 4);
  return Int32Array.from({ length }, (_, i) => view.getInt32(i * 4, true));
}

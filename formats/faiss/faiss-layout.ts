/**
 * A FAISS index file → its header and the places of its ids. The whole structure is checked, because FAISS may crash the process on a file
 * with a wrong length; vectors are skipped.
 */
import type { ByteSource } from "../bytes/byte-source.js";
import { hnswGraph } from "./faiss-graph.js";
import type { FaissHeader, FaissLayout } from "./faiss-header.js";
import { notServed } from "./faiss-kinds.js";
import { invertedLists, listCodes } from "./faiss-lists.js";
import { HASH_ENTRY } from "./faiss-memory.js";
import { type Noted, nothing, takeCosts } from "./faiss-noted.js";
import { productQuantizer, scalarQuantizer } from "./faiss-quantizers.js";
import { damaged, FaissFileError, type FaissReader, faissReader, flag } from "./faiss-reader.js";
import { transforms } from "./faiss-transforms.js";

type Common = Pick<FaissHeader, "dimension" | "ntotal" | "metric" | "longestQuery">;

const MAX_DIMENSION = 65_536;
/** Its square, and that of the difference of two such, is a float32. */
const LONGEST = 1e18;
/** Centroids that are read together. */
const AT_ONCE = 1024;
/** FAISS requests this many times `k` from its first index. */
const MAX_K_FACTOR = 256;

/** @param where file name, for messages @throws FaissFileError */
export function readFaissLayout(source: ByteSource, where: string): FaissLayout {
  const reader = faissReader(source, where);
  const noted = nothing();
  const header = index(reader, noted, []);
  return { header, ...noted, room: reader.room(), end: reader.at() };
}

const FLAT = ["IxFI", "IxF2", "IxFl"];
const CODES = [...FLAT, "IxPq", "IxSQ"];
const QUANTIZERS = [...CODES, "IHNf", "IHNp", "IHNs"];
const SERVED = new Set([...QUANTIZERS, "IwFl", "IwPQ", "IwSq", "IxMp", "IxM2", "IxPT", "IxRF"]);

/**
 * @param around letters of the indexes that this one is in; undefined: it holds vectors for another
 * @param only letters that may be here; an index that holds vectors for another is one of few kinds, so that nesting ends
 */
function index(
  r: FaissReader,
  noted: Noted,
  around: readonly string[] | undefined,
  only: readonly string[] = [...SERVED],
): FaissHeader {
  const kind = r.fourcc();
  if (SERVED.has(kind) && !only.includes(kind))
    throw damaged(r.where, `an index of kind \`${kind}\` is inside another, where ${only.join(", ")} can be`);
  switch (kind) {
    case "IxFI":
    case "IxF2":
    case "IxFl":
      return flat(r, noted);
    case "IxPq":
      return pq(r, noted);
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
      return hnsw(r, noted, kind);
    case "IxMp":
    case "IxM2":
    case "IxPT":
    case "IxRF":
      if (around && !around.includes(kind)) return WRAPPERS[kind](r, noted, [...around, kind]);
  }
  if (around?.length === 0 && !/^I[\w]{3}$/.test(kind))
    throw damaged(r.where, `it begins with ${JSON.stringify(kind)}`);
  throw notServed(r.where, kind, around === undefined || around.length > 0);
}

type Wrapper = (r: FaissReader, noted: Noted, around: readonly string[]) => FaissHeader;
const WRAPPERS: Record<"IxMp" | "IxM2" | "IxPT" | "IxRF", Wrapper> = {
  IxMp: idMap,
  IxM2: idMap,
  IxPT: preTransform,
  IxRF: refine,
};

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
  return { dimension, ntotal, metric: metric === 0 ? "ip" : "l2", longestQuery: LONGEST };
}

function flat(r: FaissReader, noted: Noted): FaissHeader {
  const head = common(r);
  noted.vectorRuns.push({ offset: r.at() + 8, count: head.ntotal });
  r.vector(head.ntotal * head.dimension, 4, "vectors");
  return { kind: "flat", ...head, ids: "positions" };
}

function pq(r: FaissReader, noted: Noted): FaissHeader {
  const head = common(r);
  const { codeSize, table, pairs } = productQuantizer(r, head.dimension);
  noted.scratch += table;
  noted.pairs = pairs;
  r.vector(head.ntotal * codeSize, 1, "codes");
  const search = r.int32();
  if (search !== 0)
    throw new FaissFileError(
      `${r.where} needs FAISS' polysemous or symmetric search (${search}) of a product quantizer, which is not supported. Write it with \`search_type = ST_PQ\`.`,
    );
  flag(r, "whether signs are encoded");
  r.skip(4, "the Hamming threshold");
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
  const quantizer = index(r, within, undefined, QUANTIZERS);
  const [centroids] = within.vectorRuns;
  if (centroids && quantizer.kind === "flat") {
    checkCentroids(r, centroids, head.dimension);
    noted.centroids = { ...centroids, metric: quantizer.metric };
  }
  if (quantizer.ntotal !== nlist || quantizer.dimension !== head.dimension)
    throw damaged(
      r.where,
      `the quantizer has ${quantizer.ntotal} centroids of ${quantizer.dimension} dimensions for ${nlist} lists`,
    );
  // FAISS reads a quantizer without the flags that leave tables out.
  r.charge(within.tables, "tables of the quantizer");
  noted.scratch += within.scratch;
  // A map of ids to positions, for functions other than searching: none, an array or a table.
  const directMap = r.byte();
  if (directMap > 2) throw damaged(r.where, `a direct map of type ${directMap}`);
  r.vector(directMap === 1 ? head.ntotal : 0, 8, "entries of the direct map");
  if (directMap === 2) {
    const entries = r.count();
    r.skip(entries * 16, "entries of the direct map");
    r.charge(entries * HASH_ENTRY, "the direct map");
  }
  const { codeSize, tables } = listCodes(r, kind, head.dimension, nlist);
  noted.tables += tables;
  const stored = invertedLists(r, nlist, codeSize, noted, kind === "ivf-flat");
  if (stored !== head.ntotal)
    throw damaged(r.where, `the lists hold ${stored} vectors and the header says ${head.ntotal}`);
  return { kind, ...head, nlist, nprobe, ...(kind !== "ivf-flat" && { codeSize }), ids: "stored" };
}

/** FAISS selects a random list if the distances to all are NaN. */
function checkCentroids(r: FaissReader, { offset, count }: { offset: number; count: number }, dimension: number): void {
  for (let first = 0; first < count; first += AT_ONCE) {
    const n = Math.min(AT_ONCE, count - first);
    const numbers = r.viewAt(offset + first * dimension * 4, n * dimension * 4);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = i * dimension; j < (i + 1) * dimension; j++) sum += numbers.getFloat32(j * 4, true) ** 2;
      if (!(sum <= LONGEST ** 2))
        throw damaged(r.where, `centroid ${first + i} holds numbers that are not finite, or too large`);
    }
  }
}

/** An index in another one returns positions in the outer one's data, which FAISS does not compare with its size. */
function positions(r: FaissReader, { idRuns }: Noted, ntotal: number): void {
  for (const { offset, count } of idRuns) {
    const ids = r.viewAt(offset, count * 8);
    for (let i = 0; i < count; i++)
      if (ids.getBigUint64(i * 8, true) >= BigInt(ntotal))
        throw damaged(
          r.where,
          `the index inside holds the id ${ids.getBigInt64(i * 8, true)}, and ids there are places below ${ntotal}`,
        );
  }
}

/** Linear transforms, normalization and the like, which a query passes before it is compared. */
function preTransform(r: FaissReader, noted: Noted, around: readonly string[]): FaissHeader {
  const head = common(r);
  const { dimension, widest, stretch, shift } = transforms(r, head.dimension);
  const within = nothing();
  const inner = index(r, within, around);
  if (inner.ntotal !== head.ntotal || inner.dimension !== dimension)
    throw damaged(
      r.where,
      `the transforms return vectors of ${dimension} dimensions, and the index inside holds ${inner.ntotal} of ${inner.dimension}`,
    );
  // The vectors inside are transformed and cannot be compared with a query.
  noted.idRuns = within.idRuns;
  takeCosts(noted, within);
  // One vector is an input while the next is the output.
  noted.scratch += 2 * widest * 4;
  const longestQuery = Math.min(
    head.longestQuery,
    Math.max(0, inner.longestQuery - shift) / Math.max(stretch, Number.MIN_VALUE),
  );
  return { kind: "pre-transform", ...head, longestQuery, metric: inner.metric, ids: inner.ids, inner };
}

/** The results of an index of codes, compared again with more precise vectors. */
function refine(r: FaissReader, noted: Noted, around: readonly string[]): FaissHeader {
  const head = common(r);
  const within = nothing();
  const inner = index(r, within, around);
  positions(r, within, head.ntotal);
  const better = index(r, noted, undefined, CODES);
  for (const { ntotal, dimension, metric } of [inner, better])
    if (ntotal !== head.ntotal || dimension !== head.dimension || metric !== head.metric)
      throw damaged(
        r.where,
        `${ntotal} vectors of ${dimension} dimensions in one of its two indexes, where ${head.ntotal} of ${head.dimension} belong`,
      );
  takeCosts(noted, within);
  const kFactor = r.float32();
  if (!(kFactor >= 1 && kFactor <= MAX_K_FACTOR))
    throw new FaissFileError(
      `${r.where} has a k_factor of ${kFactor}; served are 1 to ${MAX_K_FACTOR}. Set \`k_factor\` and write it again.`,
    );
  return { kind: "refine", ...head, kFactor, ids: "positions", inner };
}

function idMap(r: FaissReader, noted: Noted, around: readonly string[]): FaissHeader {
  const head = common(r);
  const within = nothing();
  const inner = index(r, within, around);
  positions(r, within, head.ntotal);
  noted.vectorRuns = within.vectorRuns;
  if (within.centroids) noted.centroids = within.centroids;
  takeCosts(noted, within);
  if (inner.ntotal !== head.ntotal || inner.dimension !== head.dimension || inner.metric !== head.metric)
    throw damaged(r.where, `an id map of ${head.ntotal} vectors holds an index of ${inner.ntotal}`);
  const count = r.count();
  if (count !== head.ntotal) throw damaged(r.where, `${count} ids for ${head.ntotal} vectors`);
  noted.idRuns.push({ offset: r.at(), count });
  r.skip(count * 8, "ids");
  if (around.includes("IxM2")) r.charge(count * HASH_ENTRY, "the map of ids to positions");
  return { kind: "id-map", ...head, ids: "stored", inner };
}

function hnsw(r: FaissReader, noted: Noted, letters: "IHNf" | "IHNp" | "IHNs"): FaissHeader {
  const head = common(r);
  const { efSearch, efSearchAt } = hnswGraph(r, head.ntotal);
  noted.efSearchAt = efSearchAt;
  const wanted = ({ IHNf: "flat", IHNp: "pq", IHNs: "sq" } as const)[letters];
  const within = nothing();
  const storage = index(r, within, undefined, { flat: FLAT, pq: ["IxPq"], sq: ["IxSQ"] }[wanted]);
  if (storage.ntotal !== head.ntotal || storage.dimension !== head.dimension || storage.metric !== head.metric)
    throw damaged(r.where, "its vectors do not fit its graph");
  noted.vectorRuns = within.vectorRuns;
  noted.scratch += within.scratch;
  // FAISS computes distances between all pairs of centroids, and only building the graph uses them.
  noted.tables += within.pairs ?? 0;
  return { kind: `hnsw-${wanted}`, ...head, efSearch, ids: "positions" };
}

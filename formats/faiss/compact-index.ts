/**
 * The two ends of a compaction. FAISS gets an index whose labels are positions. The index that FAISS writes then gets the ids of its vectors.
 */
import { readFileSync } from "node:fs";
import { bytesSource } from "../bytes/byte-source.js";
import { searchedBy, wrapIdMap } from "./faiss.js";
import { detachIds } from "./faiss-detach.js";
import type { FaissHeader, FaissLayout } from "./faiss-header.js";
import { readFaissLayout } from "./faiss-layout.js";

/** FAISS's common header, which an id map repeats. */
const HEAD = 37;

export interface BareIndex {
  /** Labels are positions. */
  readonly bytes: Uint8Array;
  readonly header: FaissHeader;
  /** The id of each position; undefined if ids are positions. */
  readonly ids: BigInt64Array | undefined;
  /** Runs of full vectors, in order of position; empty if the index keeps codes. */
  readonly vectorRuns: FaissLayout["vectorRuns"];
}

/** @returns a text that completes "the index …" for a kind that FAISS cannot remove vectors from */
export function compactFault({ kind, inner }: FaissHeader, removes: boolean): string | undefined {
  if (kind === "id-map") return inner!.kind === "id-map" ? "has two id maps" : compactFault(inner!, removes);
  if (!removes) return undefined;
  const searched = inner ? searchedBy(inner) : undefined;
  if (kind === "refine" || searched?.kind === "refine") return "has a refinement, from which FAISS removes nothing";
  const graph = [kind, searched?.kind ?? ""].find(name => name.startsWith("hnsw"));
  if (graph !== undefined && graph !== "hnsw-flat")
    return `is a graph of codes (${graph}), from which FAISS removes nothing`;
  if (searched?.kind === "hnsw-flat") return "is a graph of transformed vectors, from which FAISS removes nothing";
  return undefined;
}

/** Whether vectors are removed by making the graph anew. */
export const isGraph = (header: FaissHeader): boolean =>
  header.kind === "id-map" ? isGraph(header.inner!) : header.kind === "hnsw-flat";

/** @throws FaissFileError */
export function bareIndex(file: string): BareIndex {
  const given = new Uint8Array(readFileSync(file));
  const outer = readFaissLayout(bytesSource(given), file);
  if (outer.header.kind === "id-map") {
    const [run] = outer.idRuns;
    const ids = new BigInt64Array(Uint8Array.from(given.subarray(run!.offset, run!.offset + 8 * run!.count)).buffer);
    const bytes = given.subarray(HEAD, run!.offset - 8);
    const { header, vectorRuns } = readFaissLayout(bytesSource(bytes), file);
    return { bytes, header, ids, vectorRuns };
  }
  if (outer.header.ids === "positions")
    return { bytes: given, header: outer.header, ids: undefined, vectorRuns: outer.vectorRuns };
  const { bytes, ids } = detachIds(file, true)!;
  return { bytes, header: outer.header, ids, vectorRuns: outer.vectorRuns };
}

/**
 * Gives an index its ids.
 * @param bytes as FAISS wrote it, after it added vectors and removed some
 * @param labels of the vectors that are left, rising: the label that FAISS gave each when it was added
 * @param ids one for each of them; undefined: positions are answered, which an id map outside has texts for
 */
export function withLabels(bytes: Uint8Array, labels: Uint32Array, ids: BigInt64Array | undefined): Uint8Array {
  const { header, idRuns } = readFaissLayout(bytesSource(bytes), "the index");
  if (header.ntotal !== labels.length) throw new RangeError(`${labels.length} labels for ${header.ntotal} vectors`);
  if (searchedBy(header).nlist === undefined) return ids ? wrapIdMap(bytes, ids) : bytes;
  const patched = Uint8Array.from(bytes);
  const view = new DataView(patched.buffer);
  const placeOf = new Map(Array.from(labels, (label, place) => [label, place]));
  for (const { offset, count } of idRuns)
    for (let at = offset; at < offset + count * 8; at += 8) {
      const place = placeOf.get(Number(view.getBigInt64(at, true)));
      if (place === undefined) throw new RangeError("the index holds a label that was removed");
      view.setBigInt64(at, ids ? ids[place]! : BigInt(place), true);
    }
  return patched;
}

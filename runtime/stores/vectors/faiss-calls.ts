/** The calls of the FAISS thread: indexes that `faiss-node` holds, by their number. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Index } from "faiss-node";
import { type Handlers, type Moved, moved } from "../../../contract/workers/serve-calls.js";
import { checkTables, readFaissLayoutFile, writeSearchParameters } from "../../../formats/faiss/faiss.js";
import { detachIds } from "../../../formats/faiss/faiss-detach.js";
import type { FaissCalls, FaissHits, FaissIndexInfo, LoadOrder, SearchOrder } from "./protocol.js";
import { type Hits, type SearchSize, search, searchSize } from "./search.js";

let addon: typeof import("faiss-node") | undefined;

const faiss = (): typeof import("faiss-node") => {
  addon ??= createRequire(import.meta.url)("faiss-node") as typeof import("faiss-node");
  return addon;
};

/** @returns calls on indexes of their own */
export function faissCalls() {
  const indexes = new Map<number, LoadedIndex>();
  let nextIndex = 1;
  return {
    load(order: LoadOrder): FaissIndexInfo {
      const { loaded, info } = load(order);
      indexes.set(nextIndex, loaded);
      return { index: nextIndex++, ...info };
    },
    unload: (index: number): void => void indexes.delete(index),
    async search({ index, queries, count, k, excluded }: SearchOrder): Promise<Moved<FaissHits>> {
      const loaded = indexes.get(index)!;
      const find = (asked: Float32Array, rows: number, wide: number) => {
        checkRefined(loaded, wide);
        return findIn(loaded, asked, rows, wide);
      };
      const hits = await search(find, loaded, queries, count, k, excluded);
      return moved(
        hits,
        [hits.ids, hits.distances, hits.offsets].map(array => array.buffer as ArrayBuffer),
      );
    },
  } satisfies Handlers<FaissCalls>;
}

/** A refinement makes room for `k` times its factor, also where that is more than there are vectors; faiss-node cannot limit it. */
function checkRefined({ ntotal, perHit }: LoadedIndex, k: number): void {
  const wide = k * (perHit - 1);
  if (wide > Math.max(4 * ntotal, 2 ** 20))
    throw new RangeError(
      `a search for ${k} compares ${wide} vectors again (k_factor ${perHit - 1}), and the index holds ${ntotal}. Set a smaller \`k_factor\`.`,
    );
}

function load({ path, parameters }: LoadOrder): {
  readonly loaded: LoadedIndex;
  readonly info: Omit<FaissIndexInfo, "index">;
} {
  // Checks the whole structure, so that FAISS never opens a file with a wrong length.
  const layout = readFaissLayoutFile(path);
  const { header } = layout;
  const { dimension, ntotal, metric } = header;
  checkTables(layout, path);
  const detached = header.ids === "stored" ? detachIds(path) : undefined;
  const { Index } = faiss();
  let index: Index;
  if (detached || parameters.nprobe !== undefined || parameters.efSearch !== undefined) {
    const bytes = detached?.bytes ?? readFileSync(path);
    writeSearchParameters(bytes, parameters);
    index = Index.fromBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } else index = Index.read(path);
  if (index.ntotal() !== ntotal || index.getDimension() !== dimension)
    throw new Error(`${path} changed while it was read`);
  return {
    loaded: { index, ids: detached?.ids, ...searchSize(layout, parameters) },
    info: { dimension, ntotal, metric, header },
  };
}

interface LoadedIndex extends SearchSize {
  readonly index: Index;
  /** Real ids by position, where the file has ids that a JavaScript number can not hold. */
  readonly ids: BigInt64Array | undefined;
}

/** A `faiss-node` index → a search that answers exact ids and leaves out what FAISS did not find, which it marks by -1. */
function findIn({ index, ids }: LoadedIndex, queries: Float32Array, count: number, k: number): Hits[] {
  const { labels, distances } = index.search(Array.from(queries), k);
  return Array.from({ length: count }, (_, row) => {
    const found = new BigInt64Array(k);
    const words = new Int32Array(found.buffer);
    const scores = new Float32Array(k);
    let n = 0;
    for (let i = row * k; i < (row + 1) * k; i++) {
      const label = labels[i]!;
      if (label < 0) continue;
      if (ids) found[n] = idAt(ids, label);
      else {
        words[2 * n] = label % 2 ** 32;
        words[2 * n + 1] = Math.floor(label / 2 ** 32);
      }
      scores[n++] = distances[i]!;
    }
    return { ids: found.subarray(0, n), distances: scores.subarray(0, n) };
  });
}

function idAt(ids: BigInt64Array, position: number): bigint {
  const id = ids[position];
  if (id === undefined) throw new RangeError(`FAISS found the position ${position} among ${ids.length}`);
  return id;
}

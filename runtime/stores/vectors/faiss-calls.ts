/** The calls of the FAISS thread: indexes that `faiss-node` holds, by their number. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Index } from "faiss-node";
import { type Handlers, type Moved, moved } from "../../../contract/workers/serve-calls.js";
import { checkTables, readFaissLayoutFile, writeSearchParameters } from "../../../formats/faiss/faiss.js";
import { detachIds } from "../../../formats/faiss/faiss-detach.js";
import { findIn, type LoadedIndex } from "./find.js";
import type { FaissCalls, FaissHits, FaissIndexInfo, LoadOrder, SearchOrder } from "./protocol.js";
import { search, searchSize } from "./search.js";

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

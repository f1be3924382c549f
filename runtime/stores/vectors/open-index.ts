/**
 * A FAISS file → a search, through our own binding. If it is not compiled: exact ones by an ONNX graph in this process's own threads, all
 * others by faiss-node in its thread.
 */

import { statSync } from "node:fs";
import {
  type FaissHeader,
  type FaissLayout,
  readFaissHeader,
  readFaissLayoutFile,
  type SearchParameters,
  searchFault,
} from "../../../formats/faiss/faiss.js";
import { printFlat } from "../../../formats/faiss/print-flat.js";
import { internal, invalid } from "../../base/errors.js";
import { semaphore } from "../../base/semaphore.js";
import type { FilteredIndex } from "./filtered-search.js";
import { type MemoryVectors, openNativeIndex, openNativeVectors } from "./native-index.js";
import type { OpenIndex } from "./search.js";

export type { FilteredIndex } from "./filtered-search.js";
export type { OpenIndex } from "./search.js";

/** One is under way in faiss-node's thread, and the next is there when it ends. */
const turns = semaphore(2);

/**
 * @param by the engine of searches: the fastest, FAISS (also for a flat file), or faiss-node in its thread
 * @param isTrusted files that it returns false for are opened in another process first
 * @throws Error naming the file
 */
export async function openIndex(
  path: string,
  parameters: SearchParameters = {},
  by: "fastest" | "faiss" | "thread" = "fastest",
  isTrusted: IsTrusted = () => true,
): Promise<OpenIndex> {
  return openChecked(path, parameters, by, isTrusted, layout => openAs(by, path, layout, parameters));
}

/** @throws Error naming the file, for a kind that cannot be searched so, too */
export async function openFilteredIndex(
  path: string,
  parameters: SearchParameters = {},
  isTrusted: IsTrusted = () => true,
): Promise<FilteredIndex> {
  return openChecked(path, parameters, "fastest", isTrusted, async layout => {
    const { header } = layout;
    const native = await openNativeIndex(path, header, parameters, layout, true);
    if (native?.searchAmong) return { header, ...native, searchAmong: native.searchAmong };
    await native?.close();
    const { openPlainIndex } = await import("./plain-index.js");
    return openPlainIndex(path, header, native !== undefined);
  });
}

/** Vectors in memory, as a flat index. @param what it is, for messages */
export async function openVectors(given: MemoryVectors, what: string): Promise<FilteredIndex> {
  const { dimension, metric, ids } = given;
  const header = readFaissHeader(printFlat(new Float32Array(0), dimension, metric), what);
  const own: FaissHeader = { ...header, ntotal: ids.length, ids: "stored" };
  const native = await openNativeVectors(given, what);
  if (native?.searchAmong) return { header: own, ...native, searchAmong: native.searchAmong };
  const { plainVectors } = await import("./plain-index.js");
  return plainVectors(own, given);
}

/** Opens a file whose structure was checked, in another process where it is not trusted. */
async function openChecked<T extends OpenIndex>(
  path: string,
  parameters: SearchParameters,
  by: "fastest" | "faiss" | "thread",
  isTrusted: IsTrusted,
  open: (layout: FaissLayout) => Promise<T>,
): Promise<T> {
  const before = markOf(path);
  const layout = readFaissLayoutFile(path);
  const { header } = layout;
  const fault = searchFault(header, parameters);
  if (fault) throw invalid(`${path} ${fault}. Build the ensemble again.`);
  if (!isTrusted(path)) {
    const { probeIndex } = await import("./probe-index.js");
    await probeIndex(path, parameters, by);
  }
  const index = await open(layout);
  if (markOf(path) === before) return index;
  await index.close();
  throw internal(`${path} changed while it was read`);
}

/** Says whether a file is as `merlon build` wrote it; others are opened in another process first. */
export type IsTrusted = (file: string) => boolean;

/** A file that changes between its check and its reading was not checked. */
function markOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}` : "";
}

async function openAs(
  by: "fastest" | "faiss" | "thread",
  path: string,
  layout: FaissLayout,
  parameters: SearchParameters,
): Promise<OpenIndex> {
  const { header } = layout;
  const native = by === "thread" ? undefined : await openNativeIndex(path, header, parameters, layout);
  const exact = by === "fastest" ? await import("./exact-index.js") : undefined;
  const graph = exact?.isExact(header) && !native?.scans;
  if (native && !graph) return { header, ...native };
  await native?.close();
  if (graph) return { header, ...(await exact!.loadExactIndex(path, header)) };
  const { loadIndex, searchIndex, unloadIndex } = await import("./thread.js");
  const { index } = await loadIndex(path, parameters);
  return {
    header,
    search: (queries, count, k, excluded, signal) =>
      turns(() => searchIndex(index, queries, count, k, excluded), signal),
    close: () => unloadIndex(index),
  };
}

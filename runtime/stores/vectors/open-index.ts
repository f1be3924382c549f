/** A FAISS file → a search, through our own binding. If it is not compiled, by faiss-node in its thread. */

import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import {
  type FaissHeader,
  type FaissLayout,
  readFaissHeader,
  readFaissLayoutFile,
  readFaissVectors,
  type SearchParameters,
  searchFault,
  withinIds,
} from "../../../formats/faiss/faiss.js";
import { printFlat } from "../../../formats/faiss/print-flat.js";
import { internal, invalid } from "../../base/errors.js";
import { semaphore } from "../../base/semaphore.js";
import type { FilteredIndex } from "./filtered-search.js";
import { type MemoryVectors, openNativeIndex, openNativeVectors } from "./native-index.js";
import type { Engine, OpenIndex } from "./search.js";

export type { FilteredIndex } from "./filtered-search.js";
export type { OpenIndex } from "./search.js";

/** One is under way in faiss-node's thread, and the next is there when it ends. */
const turns = semaphore(2);

/**
 * @param isTrusted files that it returns false for are opened in another process first
 * @throws Error naming the file
 */
export async function openIndex(
  path: string,
  parameters: SearchParameters = {},
  by: Engine = "fastest",
  isTrusted: IsTrusted = () => true,
): Promise<OpenIndex> {
  return openChecked(path, parameters, by, isTrusted, layout => openUnfiltered(by, path, layout, parameters));
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
  by: Engine,
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

async function openUnfiltered(
  by: Engine,
  path: string,
  layout: FaissLayout,
  parameters: SearchParameters,
): Promise<OpenIndex> {
  const { header } = layout;
  const native = by === "thread" ? undefined : await openNativeIndex(path, header, parameters, layout);
  // A scan has looked at the vectors.
  if (!native?.scans) await checkFlat(path, header);
  if (native) return { header, ...native };
  const { loadIndex, searchIndex, unloadIndex } = await import("./thread.js");
  const { index } = await loadIndex(path, parameters);
  return {
    header,
    search: (queries, count, k, excluded, signal) =>
      turns(() => searchIndex(index, queries, count, k, excluded), signal),
    close: () => unloadIndex(index),
  };
}

/** Node reads no more of a file at once. */
const MOST_READ = 2 ** 31 - 1;

/** @throws RuntimeFault naming the first vector of a flat index that is not finite */
async function checkFlat(path: string, header: FaissHeader): Promise<void> {
  if (withinIds(header).kind !== "flat" || statSync(path).size > MOST_READ) return;
  const { vectors, ids } = readFaissVectors(await readFile(path))!;
  const at = vectors.findIndex(value => !Number.isFinite(value));
  if (at >= 0)
    throw invalid(
      `${path}: the vector of id ${ids[Math.floor(at / header.dimension)]} holds ${vectors[at]}, and nothing is near it. Build the index without it.`,
    );
}

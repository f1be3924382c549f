/**
 * A FAISS file → a search, through our own binding. Where that is not compiled: exact ones by an ONNX graph in this process's own threads, all
 * others by faiss-node in its thread.
 */

import {
  type FaissHeader,
  readFaissLayoutFile,
  type SearchParameters,
  searchFault,
} from "../../triton-protos/artefacts/faiss.js";
import { RuntimeFault } from "../errors.js";
import { inTurns } from "./in-turns.js";
import { openNativeIndex } from "./native-index.js";
import type { SearchIndex } from "./search.js";

/** One is under way in faiss-node's thread, and the next is there when it ends. */
const turns = inTurns(2);

export interface OpenIndex {
  readonly header: FaissHeader;
  readonly search: SearchIndex;
  close(): Promise<void>;
}

/**
 * @param by who searches: the fastest there is; FAISS, also a flat file; faiss-node in its thread
 * @throws Error naming the file
 */
export async function openIndex(
  path: string,
  parameters: SearchParameters = {},
  by: "fastest" | "faiss" | "thread" = "fastest",
): Promise<OpenIndex> {
  const layout = readFaissLayoutFile(path);
  const { header } = layout;
  const fault = searchFault(header, parameters);
  if (fault) throw new RuntimeFault("INVALID_ARGUMENT", `${path} ${fault}. Build the ensemble again.`);
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

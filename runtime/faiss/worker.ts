/**
 * The FAISS thread: the one place of a process that loads `faiss-node`, whose classes belong to the thread that loaded them first.
 * Requests in, replies out; all indexes of the process live here.
 */
import { createRequire } from "node:module";
import { parentPort } from "node:worker_threads";
import type { Index } from "faiss-node";
import { readFaissHeaderFile } from "../../triton-protos/artefacts/faiss.js";
import { detachIds } from "../../triton-protos/artefacts/faiss-detach.js";
import type { FaissHits, FaissIndexInfo, FaissReply, FaissRequest } from "./protocol.js";

interface Loaded {
  readonly index: Index;
  /** Real ids by position, where the file has ids that a JavaScript number can not hold. */
  readonly ids: BigInt64Array | undefined;
}

const indexes = new Map<number, Loaded>();
const port = parentPort!;
let nextIndex = 1;
let addon: typeof import("faiss-node") | undefined;

const faiss = (): typeof import("faiss-node") => {
  addon ??= createRequire(import.meta.url)("faiss-node") as typeof import("faiss-node");
  return addon;
};

port.on("message", (request: FaissRequest) => {
  try {
    answer(request);
  } catch (error) {
    post({ id: request.id, ok: false, message: (error as Error).message.split("\n")[0]! });
  }
});

const post = (reply: FaissReply, moved: ArrayBuffer[] = []): void => {
  port.postMessage(reply, moved);
};

function answer(request: FaissRequest): void {
  const { id } = request;
  switch (request.kind) {
    case "load":
      post({ id, ok: true, info: load(request.path) });
      break;
    case "unload":
      indexes.delete(request.index);
      post({ id, ok: true });
      break;
    case "search": {
      const hits = search(indexes.get(request.index)!, request);
      post(
        { id, ok: true, hits },
        [hits.ids, hits.distances, hits.offsets].map(array => array.buffer as ArrayBuffer),
      );
      break;
    }
    default:
      request satisfies never;
  }
}

function load(path: string): FaissIndexInfo {
  // Walks the whole structure: FAISS gets no file that lies about a length.
  const { dimension, ntotal, metric, ids } = readFaissHeaderFile(path);
  const detached = ids === "stored" ? detachIds(path) : undefined;
  const { Index } = faiss();
  const index = detached ? Index.fromBuffer(Buffer.from(detached.bytes)) : Index.read(path);
  if (index.ntotal() !== ntotal || index.getDimension() !== dimension)
    throw new Error(`${path} changed while it was read`);
  indexes.set(nextIndex, { index, ids: detached?.ids });
  return { index: nextIndex++, dimension, ntotal, metric };
}

function search({ index, ids }: Loaded, { queries, count, k }: Extract<FaissRequest, { kind: "search" }>): FaissHits {
  const { labels, distances } = index.search(Array.from(queries), k);
  const offsets = new Int32Array(count + 1);
  const found = new BigInt64Array(count * k);
  const words = new Int32Array(found.buffer);
  const scores = new Float32Array(count * k);
  let n = 0;
  for (let row = 0; row < count; row++) {
    for (let i = row * k; i < (row + 1) * k; i++) {
      const label = labels[i]!;
      if (label < 0) continue;
      if (ids) found[n] = ids[label]!;
      else {
        words[2 * n] = label % 2 ** 32;
        words[2 * n + 1] = Math.floor(label / 2 ** 32);
      }
      scores[n++] = distances[i]!;
    }
    offsets[row + 1] = n;
  }
  return n === count * k
    ? { ids: found, distances: scores, offsets }
    : { ids: found.slice(0, n), distances: scores.slice(0, n), offsets };
}

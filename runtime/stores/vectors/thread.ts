/**
 * The main thread's end of the FAISS thread: load an index, search it, unload it. The thread is started by the first load and lives as long
 * as the process; it never keeps the process alive.
 */
import { Worker } from "node:worker_threads";
import type { SearchParameters } from "../../../formats/faiss/faiss.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Excluded, FaissHits, FaissIndexInfo, FaissReply, FaissRequest } from "./protocol.js";

type Ask = FaissRequest extends infer R ? (R extends FaissRequest ? Omit<R, "id"> : never) : never;

interface Pending {
  resolve(reply: Extract<FaissReply, { ok: true }>): void;
  reject(error: Error): void;
}

let worker: Worker | undefined;
/** Why the thread is gone. It can not be started twice: the addon belongs to the thread that loaded it. */
let ended: string | undefined;
let nextId = 1;
const pending = new Map<number, Pending>();

function ask(request: Ask, moved: ArrayBuffer[] = []): Promise<Extract<FaissReply, { ok: true }>> {
  if (ended !== undefined)
    return Promise.reject(
      new RuntimeFault("UNAVAILABLE", `the FAISS thread has ended: ${ended}. Start the server again.`),
    );
  worker ??= start();
  const id = nextId++;
  if (pending.size === 0) worker.ref();
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject });
    worker!.postMessage({ ...request, id } satisfies FaissRequest, moved);
  });
}

function start(): Worker {
  // Read by the OpenMP library when it is loaded. Its threads would else spin between searches, on cores that others need.
  process.env.OMP_WAIT_POLICY ??= "PASSIVE";
  // Flags such as --input-type are of the main script, and a thread with a file refuses them.
  const made = new Worker(new URL("./worker.js", import.meta.url), { name: "faiss", execArgv: [] });
  made.on("message", (reply: FaissReply) => {
    const waiting = pending.get(reply.id);
    pending.delete(reply.id);
    if (pending.size === 0) made.unref();
    if (reply.ok) waiting?.resolve(reply);
    else waiting?.reject(new RuntimeFault("INTERNAL", reply.message));
  });
  made.on("error", error => end(error.message));
  made.on("exit", code => end(`exit code ${code}`));
  made.unref();
  return made;
}

function end(reason: string): void {
  ended ??= reason;
  for (const { reject } of pending.values())
    reject(new RuntimeFault("UNAVAILABLE", `the FAISS thread has ended: ${ended}`));
  pending.clear();
}

/** Checks the file's structure and opens it. @param parameters instead of the file's own @throws RuntimeFault naming the file */
export async function loadIndex(path: string, parameters: SearchParameters = {}): Promise<FaissIndexInfo> {
  const { info } = await ask({ kind: "load", path, parameters });
  return info!;
}

/**
 * Searches for a batch of queries.
 * @param queries `count` vectors of the index's dimension, finite; they are copied, since what the thread gets is given away
 * @param k 1 … ntotal
 * @param excluded ids that are searched past; they are copied
 */
export async function searchIndex(
  index: number,
  queries: Float32Array,
  count: number,
  k: number,
  excluded?: Excluded,
): Promise<FaissHits> {
  const given = new Float32Array(queries);
  const { hits } = await ask({ kind: "search", index, queries: given, count, k, ...(excluded && { excluded }) }, [
    given.buffer,
  ]);
  return hits!;
}

export async function unloadIndex(index: number): Promise<void> {
  await ask({ kind: "unload", index });
}

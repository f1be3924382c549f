/**
 * The main thread's end of the FAISS thread: load an index, search it, unload it. The thread is started by the first load and lives as long
 * as the process; it never keeps the process alive.
 */
import { WorkerEnded, WorkerHost } from "../../../contract/workers/worker-host.js";
import type { SearchParameters } from "../../../formats/faiss/faiss.js";
import { internal, RuntimeFault, unavailable } from "../../base/errors.js";
import { packageFault } from "../../base/missing-package.js";
import type { Excluded, FaissCalls, FaissHits, FaissIndexInfo } from "./protocol.js";

/** It cannot be started twice: the addon belongs to the thread that loaded it. */
let host: WorkerHost<FaissCalls> | undefined;

const faiss = (): WorkerHost<FaissCalls> => {
  host ??= start();
  return host;
};

/** @throws RuntimeFault */
async function reply<T>(called: Promise<T>): Promise<T> {
  try {
    return await called;
  } catch (error) {
    if (packageFault(error) !== undefined) throw RuntimeFault.from(error);
    const { message } = error as Error;
    if (error instanceof WorkerEnded) throw unavailable(`${message}. Start the server again.`);
    throw internal(message.split("\n")[0]!);
  }
}

function start(): WorkerHost<FaissCalls> {
  // Read by the OpenMP library when it is loaded. Its threads would else spin between searches, on cores that others need.
  process.env.OMP_WAIT_POLICY ??= "PASSIVE";
  return new WorkerHost<FaissCalls>({
    title: "the FAISS thread",
    name: "faiss",
    module: new URL("./worker.js", import.meta.url),
  });
}

/** Checks the file's structure and opens it. @param parameters instead of the file's own @throws RuntimeFault naming the file */
export async function loadIndex(path: string, parameters: SearchParameters = {}): Promise<FaissIndexInfo> {
  return reply(faiss().call("load", { path, parameters }));
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
  const order = { index, queries: given, count, k, ...(excluded && { excluded }) };
  return reply(faiss().call("search", order, [given.buffer]));
}

export async function unloadIndex(index: number): Promise<void> {
  await reply(faiss().call("unload", index));
}

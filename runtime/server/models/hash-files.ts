/**
 * SHA-256 of large files in a thread, one after the other, so that neither a start nor requests wait for it. A file that has not changed since is
 * not read again.
 */

import { stat } from "node:fs/promises";
import { WorkerHost } from "../../../contract/workers/worker-host.js";
import { inBackground } from "../../base/in-background.js";
import type { HashCalls } from "./hash-thread.js";

/** Checksums by the state of the file. */
const known = new Map<string, Promise<string>>();
const MOST_KNOWN = 10_000;

/** @returns hexadecimal @throws Error where the file cannot be read */
export async function hashInThread(file: string): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
  const state = `${file} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  const found = known.get(state);
  if (found) return found;
  if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value!);
  const hashed = hash(file);
  known.set(state, hashed);
  hashed.catch(() => known.delete(state));
  return hashed;
}

let host: WorkerHost<HashCalls> | undefined;

/** The thread ends when nothing is left: hashing is done once after a load. */
async function hash(file: string): Promise<string> {
  host ??= new WorkerHost<HashCalls>({
    title: "the thread that hashes files",
    module: new URL("./hash-thread.js", import.meta.url),
    keepsProcess: "never",
  });
  const used = host;
  try {
    return await used.call("hash", file);
  } finally {
    if (host === used && used.pending === 0) {
      host = undefined;
      inBackground(used.end(), "ending the thread that hashes files");
    }
  }
}

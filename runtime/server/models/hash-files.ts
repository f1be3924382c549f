/**
 * SHA-256 of large files in a thread, one after the other, so that neither a start nor requests wait for it. A file that has not changed since is
 * not read again.
 */

import { stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { inBackground } from "../../base/in-background.js";

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
  const hashed = enqueue(file);
  known.set(state, hashed);
  hashed.catch(() => known.delete(state));
  return hashed;
}

interface Waiting {
  readonly file: string;
  resolve(sum: string): void;
  reject(error: Error): void;
}

const waiting: Waiting[] = [];
let thread: Worker | undefined;

export type HashReply = { readonly sum: string } | { readonly fault: string };

function enqueue(file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    waiting.push({ file, resolve, reject });
    if (waiting.length === 1) next();
  });
}

/** The thread ends when nothing waits: hashing is done once after a load. */
function next(): void {
  const [first] = waiting;
  if (!first) {
    if (thread) inBackground(thread.terminate(), "ending the thread that hashes files");
    thread = undefined;
    return;
  }
  thread ??= start();
  thread.postMessage(first.file);
}

function start(): Worker {
  const worker = new Worker(new URL("./hash-thread.js", import.meta.url), { execArgv: [] });
  worker.unref();
  worker.on("message", (reply: HashReply) => {
    const done = waiting.shift()!;
    if ("sum" in reply) done.resolve(reply.sum);
    else done.reject(new Error(reply.fault));
    next();
  });
  worker.on("error", error => {
    thread = undefined;
    waiting.shift()?.reject(error as Error);
    next();
  });
  return worker;
}

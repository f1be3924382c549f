/**
 * Run as a thread: takes snapshots of a SQLite online store and sends them, so that no request waits while a changed store is read.
 */
import { parentPort, workerData } from "node:worker_threads";
import { type SnapshotOrder, takeSnapshots, type ViewSnapshot } from "./snapshot.js";

/** What is given away, not copied: a copy of a large store would hold up the thread that serves. */
function buffersOf(views: readonly ViewSnapshot[]): ArrayBuffer[] {
  const arrays = views.flatMap(({ keys, features }) => [
    ...keys.map(({ values }) => values),
    ...features.flatMap(({ values, offsets, status, eventSeconds }) => [values, offsets, status, eventSeconds]),
  ]);
  const buffers = arrays.flatMap(array => (ArrayBuffer.isView(array) ? [array.buffer as ArrayBuffer] : []));
  return [...new Set(buffers)];
}

try {
  const views = takeSnapshots(workerData as readonly SnapshotOrder[]);
  parentPort!.postMessage({ ok: true, views }, buffersOf(views.flatMap(one => one ?? [])));
} catch (error) {
  parentPort!.postMessage({ ok: false, message: (error as Error).message });
}

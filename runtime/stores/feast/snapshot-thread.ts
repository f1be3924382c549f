/**
 * Run as a thread: takes a snapshot of a SQLite online store and sends it, so that no request waits while a changed store is read.
 */
import { parentPort, workerData } from "node:worker_threads";
import { type SnapshotOrder, takeSnapshot } from "./snapshot.js";

try {
  parentPort!.postMessage({ ok: true, views: takeSnapshot(workerData as SnapshotOrder) });
} catch (error) {
  parentPort!.postMessage({ ok: false, message: (error as Error).message });
}

/**
 * Run as a thread: takes snapshots of a SQLite online store and sends them, so that no request waits while a changed store is read.
 */
import { parentPort, workerData } from "node:worker_threads";
import { type SnapshotOrder, takeSnapshots } from "./snapshot.js";

try {
  parentPort!.postMessage({ ok: true, views: takeSnapshots(workerData as readonly SnapshotOrder[]) });
} catch (error) {
  parentPort!.postMessage({ ok: false, message: (error as Error).message });
}

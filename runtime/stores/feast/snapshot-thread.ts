/**
 * Run as a thread: takes snapshots of a SQLite online store and sends them, so that no request waits while a changed store is read.
 */
import { moved, serveCalls } from "../../../contract/workers/serve-calls.js";
import { type SnapshotOrder, takeSnapshots, type ViewSnapshot } from "./snapshot.js";

export interface SnapshotCalls {
  /** @returns one for each order; undefined for one too large for memory */
  take(orders: readonly SnapshotOrder[]): readonly (readonly ViewSnapshot[] | undefined)[];
}

/** The memory of the snapshots, which moves: a copy of a large store would hold up the thread that serves. */
function buffersOf(views: readonly ViewSnapshot[]): ArrayBuffer[] {
  const arrays = views.flatMap(({ keys, features }) => [
    ...keys.map(({ values }) => values),
    ...features.flatMap(({ values, offsets, status, eventSeconds }) => [values, offsets, status, eventSeconds]),
  ]);
  const buffers = arrays.flatMap(array => (ArrayBuffer.isView(array) ? [array.buffer as ArrayBuffer] : []));
  return [...new Set(buffers)];
}

serveCalls<SnapshotCalls>({
  take(orders) {
    const views = takeSnapshots(orders);
    return moved(views, buffersOf(views.flatMap(one => one ?? [])));
  },
});

/**
 * A SQLite online store that is read from memory: its file is kept as columns with an index of keys, and reloaded when it changes. A store
 * beyond the limit is queried by statement instead.
 */

import { writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { WorkerEnded, WorkerHost } from "../../../contract/workers/worker-host.js";
import type { KeyVersion } from "../../../formats/feast/feast-key.js";
import { RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import { semaphore } from "../../base/semaphore.js";
import { sharedFile } from "../../base/shared/shared-file.js";
import { sharedTables } from "../../base/shared/shared-table.js";
import { type Answer, answerFrom, type Held, hold, holdChanges } from "./held-snapshot.js";
import { packViews, unpackViews } from "./packed-views.js";
import { takeSnapshot } from "./snapshot.js";
import type { SnapshotCalls } from "./snapshot-calls.js";
import type { TableState } from "./snapshot-changes.js";
import type { SnapshotOrder } from "./snapshot-form.js";
import type { AllTaken, Taken, ThreadOrder, ThreadReply } from "./snapshot-reply.js";
import { openSqliteStore } from "./sqlite-store.js";
import type { FeatureReader, FeatureStore } from "./store.js";

/** How often a request may make the file be looked at. */
const LOOK_EVERY_MS = 1000;
/** Files up to this size are first read here; starting a thread takes longer. */
const SMALL_FILE = 4 << 20;

/** The snapshot of one reader. */
interface Current {
  readonly answer: Answer;
  /** Undefined for one that is queried by statement. */
  readonly held?: Held;
  close(): void | Promise<void>;
}

/** The snapshots of the readers of a file, in their order, and the state of the file that they were made from. */
interface State {
  readonly seen: string;
  readonly readers: readonly Current[];
}

/** A file with its readers, which change from one state of it to the next together. */
interface SnapshotFile {
  add(order: SnapshotOrder): Promise<FeatureReader>;
  close(): Promise<void>;
}

/** The files that the steps of a plan read. */
export type SnapshotFiles = Map<string, SnapshotFile>;

/**
 * @param limit bytes that the snapshot of one reader may take
 * @param files where the plan's other readers of the file are, if there are others
 */
export function openSnapshotStore(
  file: string,
  keyVersion: KeyVersion,
  limit: number,
  files: SnapshotFiles = new Map(),
): FeatureStore {
  const key = `${keyVersion} ${file}`;
  const shared = files.get(key) ?? snapshotFile(file);
  files.set(key, shared);
  return {
    prepare: (reads, options) => shared.add({ file, keyVersion, reads, options, limit }),
    close: () => shared.close(),
  };
}

function snapshotFile(file: string): SnapshotFile {
  const orders: SnapshotOrder[] = [];
  let state: State = { seen: "", readers: [] };
  // A state has a reader for each order: it is replaced by one at a time.
  const inTurn = semaphore(1);
  let looked = performance.now();
  let closed = false;
  let warned = false;
  const look = async (): Promise<void> => {
    try {
      const seen = await fileState(file);
      if (seen === state.seen) return;
      const next = { seen, readers: (await takeChanges(orders, state.readers)) ?? (await takeAgain(orders)) };
      const { readers: last } = closed ? next : state;
      state = next;
      for (const reader of last) await reader.close();
      warned = false;
    } catch (error) {
      if (closed) return;
      // The last good state stays in use; the next check tries again.
      if (!warned)
        process.emitWarning(`${(error as Error).message} What was read before is served on.`, "MerlonWarning");
      warned = true;
    }
  };
  const lookSometimes = (): void => {
    if (performance.now() - looked <= LOOK_EVERY_MS) return;
    looked = Number.POSITIVE_INFINITY;
    inBackground(
      inTurn(look).finally(() => {
        looked = performance.now();
      }),
      "looking for changes of a feature store",
    );
  };
  /** @returns its place among the readers */
  const take = async (order: SnapshotOrder): Promise<number> => {
    const seen = await fileState(file);
    const { readers: others } = state;
    if (others.length === 0 || seen === state.seen)
      state = { seen, readers: [...others, await takeFirst(order, seen)] };
    else {
      state = { seen, readers: await takeAgain([...orders, order]) };
      for (const other of others) await other.close();
    }
    return orders.push(order) - 1;
  };
  const self: SnapshotFile = {
    async add(order) {
      const place = await inTurn(() => take(order));
      return {
        getOnline: (keys, count, _signal, run) => {
          lookSometimes();
          const now = state.readers[place]!;
          const then = run && stateOf(run).readers[place]!;
          // A store that is queried by statement has no earlier states.
          return (then?.held ? then : now).answer(keys, count);
        },
        takesDoubles: () => state.readers[place]!.held !== undefined,
      };
    },
    async close() {
      closed = true;
      for (const reader of state.readers) await reader.close();
    },
  };
  const stateOf = (run: Map<object, unknown>): State => {
    const seen = run.get(self) as State | undefined;
    if (!seen) run.set(self, state);
    return seen ?? state;
  };
  return self;
}

/** Size, time and identity of the file and of its write-ahead log. */
async function fileState(file: string): Promise<string> {
  const states = await Promise.all(
    [file, `${file}-wal`].map(path =>
      stat(path, { bigint: true }).then(
        ({ ino, size, mtimeNs }) => `${ino} ${size} ${mtimeNs}`,
        () => "none",
      ),
    ),
  );
  return states.join(", ");
}

async function takeAgain(orders: readonly SnapshotOrder[]): Promise<readonly Current[]> {
  return readersOf(orders, (await inThread({ orders, follow: true })) as AllTaken);
}

/** The readers with the changes since; all data is read anew if the changes cannot be found. @returns undefined if rows were deleted */
async function takeChanges(
  orders: readonly SnapshotOrder[],
  readers: readonly Current[],
): Promise<readonly Current[] | undefined> {
  const before = readers.map(({ held }) => held?.tables.flatMap(table => table ?? []));
  if (orders.some(({ reads }, i) => before[i]?.length !== reads.length)) return undefined;
  const reply = await inThread({ orders, follow: true, before: before as TableState[][] });
  if (!("changes" in reply)) return readersOf(orders, reply);
  const held = orders.map((order, i) => holdChanges(order, readers[i]!.held!, reply.changes[i]!));
  return held.includes(undefined) ? undefined : held.map((one, i) => inMemory(orders[i]!, one!));
}

const readersOf = (orders: readonly SnapshotOrder[], { taken }: AllTaken): Promise<readonly Current[]> =>
  Promise.all(orders.map((order, i) => reader(order, taken[i])));

async function takeFirst(order: SnapshotOrder, seen: string): Promise<Current> {
  const { file } = order;
  if (((await stat(file).catch(() => undefined))?.size ?? 0) > SMALL_FILE) {
    // Most stores change later than they are read first, or never: reading their pages would only make the start longer.
    const read = async () => ((await inThread({ orders: [order], follow: false })) as AllTaken).taken[0];
    return (await sharedReader(order, seen, read)) ?? reader(order, await read());
  }
  const views = takeSnapshot(order);
  return reader(order, views && { views, bytes: 0, tables: [] });
}

/**
 * A reader of a snapshot that processes share.
 * @param seen the state of the file
 * @returns undefined if it can't be shared, is too large for memory, or the file is being written
 */
async function sharedReader(
  order: SnapshotOrder,
  seen: string,
  read: () => Promise<Taken | undefined>,
): Promise<Current | undefined> {
  const shared = await sharedFile({
    key: `snapshot 1 ${seen} ${JSON.stringify(order)}`,
    size: (await stat(order.file)).size,
    write: async file => {
      const taken = await read();
      if (!taken || (await fileState(order.file)) !== seen) throw new Error("it is not shared");
      for (const part of packViews(taken.views)) for (let at = 0; at < part.length; ) at += writeSync(file, part, at);
    },
  });
  if (!shared) return undefined;
  const views = unpackViews(shared.bytes);
  const taken = { views, bytes: shared.bytes.length, tables: views.map(() => undefined) };
  return inMemory(order, hold(order, taken, sharedTables(shared.path)));
}

/** @param taken undefined where it is too large for memory */
async function reader(order: SnapshotOrder, taken: Taken | undefined): Promise<Current> {
  if (taken) return inMemory(order, hold(order, taken));
  const store = openSqliteStore(order.file, order.keyVersion);
  const asked = (await store.prepare(order.reads, order.options)) as { getOnline: Answer };
  const answer: Answer = (keys, count) => asked.getOnline(keys, count);
  return { answer, close: () => store.close() };
}

const inMemory = (order: SnapshotOrder, held: Held): Current => ({
  answer: answerFrom(order.reads, held),
  held,
  close: () => {},
});

/** @throws RuntimeFault */
async function inThread(order: ThreadOrder): Promise<ThreadReply> {
  const host = new WorkerHost<SnapshotCalls>({
    title: "the snapshot thread",
    module: new URL("./snapshot-thread.js", import.meta.url),
  });
  try {
    return await host.call("read", order);
  } catch (error) {
    throw new RuntimeFault(error instanceof WorkerEnded ? "INTERNAL" : "UNAVAILABLE", (error as Error).message);
  } finally {
    inBackground(host.end(), "ending the snapshot thread");
  }
}

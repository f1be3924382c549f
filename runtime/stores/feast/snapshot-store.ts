/**
 * A SQLite online store that is read from memory: its file is kept as columns with an index of keys, and read again when it changes. A store beyond the limit is
 * queried by statement instead.
 */

import { stat } from "node:fs/promises";
import { WorkerEnded, WorkerHost } from "../../../contract/workers/worker-host.js";
import { askedName, type KeyVersion } from "../../../formats/feast/feast-key.js";
import { feastType } from "../../../formats/feast/feast-type.js";
import type { DType } from "../../../triton-protos/datatype.js";
import { type Column, gather, rootRows } from "../../base/columns/table.js";
import { indexTuples, type TupleIndex } from "../../base/columns/tuple-index.js";
import { indexValues } from "../../base/columns/value-index.js";
import { RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import { sharedSnapshot } from "./shared-snapshots.js";
import { type SnapshotOrder, takeSnapshot, type ViewSnapshot } from "./snapshot.js";
import type { SnapshotCalls } from "./snapshot-thread.js";
import { openSqliteStore } from "./sqlite-store.js";
import { FEATURE_STATUS, type FeatureColumn, type FeatureReader, type FeatureStore, type ViewRead } from "./store.js";

/** How often a request may make the file be looked at. */
const LOOK_EVERY_MS = 1000;
/** Files up to this size are first read here; starting a thread takes longer. */
const SMALL_FILE = 4 << 20;

type Answer = (keys: ReadonlyMap<string, Column>, count: number) => readonly FeatureColumn[];

/** What answers one reader. */
interface Current {
  readonly answer: Answer;
  readonly inMemory: boolean;
  close(): void | Promise<void>;
}

/** What answers the readers of a file now, in their order, and the state of the file that it was made from. */
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
  let looked = performance.now();
  let closed = false;
  let warned = false;
  const look = async (): Promise<void> => {
    try {
      const seen = await fileState(file);
      if (seen === state.seen) return;
      const next = { seen, readers: await takeAgain(orders) };
      const last = closed ? next : state;
      if (!closed) state = next;
      for (const reader of last.readers) await reader.close();
      warned = false;
    } catch (error) {
      // The last good state goes on answering; the next look tries again.
      if (!warned)
        process.emitWarning(`${(error as Error).message} What was read before is served on.`, "MerlonWarning");
      warned = true;
    }
  };
  const lookSometimes = (): void => {
    if (performance.now() - looked <= LOOK_EVERY_MS) return;
    looked = Number.POSITIVE_INFINITY;
    inBackground(
      look().finally(() => {
        looked = performance.now();
      }),
      "looking for changes of a feature store",
    );
  };
  const self: SnapshotFile = {
    async add(order) {
      const seen = await fileState(file);
      const place = orders.push(order) - 1;
      const { readers: others } = state;
      if (others.length === 0 || seen === state.seen)
        state = { seen, readers: [...others, await takeFirst(order, seen)] };
      else {
        state = { seen, readers: await takeAgain(orders) };
        for (const other of others) await other.close();
      }
      return {
        getOnline: (keys, count, _signal, run) => {
          lookSometimes();
          const now = state.readers[place]!;
          const then = run && stateOf(run).readers[place]!;
          // A store that is queried by statement has no earlier states.
          return (then?.inMemory ? then : now).answer(keys, count);
        },
        takesDoubles: () => state.readers[place]!.inMemory,
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
  const views = await inThread(orders);
  return Promise.all(orders.map((order, i) => reader(order, views[i])));
}

async function takeFirst(order: SnapshotOrder, seen: string): Promise<Current> {
  const { file } = order;
  const times = await Promise.all([file, `${file}-wal`].map(path => stat(path).catch(() => undefined)));
  if ((times[0]?.size ?? 0) > SMALL_FILE) return reader(order, (await inThread([order]))[0]);
  const changed = Math.max(...times.map(of => of?.mtimeMs ?? 0));
  return reader(
    order,
    sharedSnapshot(`${seen} ${JSON.stringify(order)}`, changed, () => takeSnapshot(order)),
  );
}

/** @param views undefined where they are too large for memory */
async function reader(order: SnapshotOrder, views: readonly ViewSnapshot[] | undefined): Promise<Current> {
  if (views) return { answer: snapshotAnswer(order.reads, views), inMemory: true, close: () => {} };
  const store = openSqliteStore(order.file, order.keyVersion);
  const asked = (await store.prepare(order.reads, order.options)) as { getOnline: Answer };
  const answer: Answer = (keys, count) => asked.getOnline(keys, count);
  return { answer, inMemory: false, close: () => store.close() };
}

/** @throws RuntimeFault */
async function inThread(orders: readonly SnapshotOrder[]): Promise<readonly (readonly ViewSnapshot[] | undefined)[]> {
  const host = new WorkerHost<SnapshotCalls>({
    title: "the snapshot thread",
    module: new URL("./snapshot-thread.js", import.meta.url),
  });
  try {
    return await host.call("take", orders);
  } catch (error) {
    throw new RuntimeFault(error instanceof WorkerEnded ? "INTERNAL" : "UNAVAILABLE", (error as Error).message);
  } finally {
    inBackground(host.end(), "ending the snapshot thread");
  }
}

function snapshotAnswer(reads: readonly ViewRead[], views: readonly ViewSnapshot[]): Answer {
  const parts = views.map(({ keys, features }, i) => {
    const joins = reads[i]!.view.joinKeys.map(askedName);
    const dtypes = reads[i]!.features.map(feature => feastType(feature.type!).dtype);
    return { joins, find: finder(keys, joins), unknown: keys[0]!.rows.count, picks: features.map(picker), dtypes };
  });
  return (keys, count) => {
    const answer: FeatureColumn[] = [];
    for (const { joins, find, unknown, picks, dtypes } of parts) {
      const found = find(joins.map(name => keys.get(name)!));
      const places = found.length === count ? found : padded(found, count);
      let known = true;
      for (let i = 0; i < count; i++)
        if (places[i]! < 0) {
          places[i] = unknown;
          known = false;
        }
      for (let i = 0; i < picks.length; i++) answer.push(picks[i]!(dtypes[i]!, places, known));
    }
    return answer;
  };
}

/** Those beyond the keys are not found. */
function padded(found: Int32Array, count: number): Int32Array {
  const places = new Int32Array(count).fill(-1);
  places.set(found);
  return places;
}

function finder(keys: readonly Column[], joins: readonly string[]): TupleIndex {
  if (keys.length > 1) return indexTuples(keys, joins, "the online store");
  const places = indexValues(keys[0]!.values);
  return columns => places(columns[0]!.values);
}

/** A feature of all entities → of those at some places. Where all known ones have it, their statuses are not looked up one by one. */
function picker({ values, offsets, status, eventSeconds }: FeatureColumn) {
  const unknown = status.length - 1;
  const whole = status.subarray(0, unknown).every(one => one === FEATURE_STATUS.present);
  /** @param known whether none of the places is that of an unknown entity */
  return (dtype: DType, places: Int32Array, known: boolean): FeatureColumn => {
    const rows = rootRows(places.length);
    const picked = gather(offsets ? { dtype, rows, values, offsets } : { dtype, rows, values }, places, rows);
    const times = eventSeconds && { eventSeconds: Float64Array.from(places, place => eventSeconds[place]!) };
    const runs = picked.offsets && { offsets: picked.offsets };
    if (whole && known) return { values: picked.values, ...runs, status: allPresent(places.length), whole, ...times };
    const statuses = new Uint8Array(places.length);
    for (let i = 0; i < places.length; i++) statuses[i] = status[places[i]!]!;
    return { values: picked.values, ...runs, status: statuses, ...times };
  };
}

let present = new Uint8Array(0);

/** Shared by all requests; statuses are never written. */
function allPresent(count: number): Uint8Array {
  if (present.length < count) present = new Uint8Array(2 * count).fill(FEATURE_STATUS.present);
  return present.subarray(0, count);
}

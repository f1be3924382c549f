// The first read of a store: small files by the process itself, large ones by a thread, and shared between processes if that is possible.
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { WorkerHost } from "#contract/workers/worker-host.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { sharedFile } from "#runtime/base/shared/shared-file.js";
import { sharedSnapshot } from "#runtime/stores/feast/shared-snapshots.js";
import { openSnapshotStore } from "#runtime/stores/feast/snapshot-store.js";
import type { FeatureStore } from "#runtime/stores/feast/store.js";
import { scalars } from "../../../operators/step.js";
import { writeOneView } from "./one-view.js";
import "../../../needs/built.js";

vi.mock(import("#runtime/base/shared/shared-file.js"), { spy: true });
vi.mock(import("#runtime/stores/feast/shared-snapshots.js"), { spy: true });

const SMALL_FILE = 4 << 20;
const LIMIT = 2 ** 24;
const root = mkdtempSync(join(tmpdir(), "merlon-first-"));
afterAll(() => rmSync(root, { recursive: true }));

let stores = 0;
let opened: FeatureStore[];
let threads: number;
/** Runs when a thread has replied. */
let replied: () => void;
beforeEach(() => {
  opened = [];
  threads = 0;
  replied = () => {};
  vi.mocked(sharedSnapshot).mockClear();
  vi.mocked(sharedFile).mockReset();
  const { call } = WorkerHost.prototype;
  vi.spyOn(WorkerHost.prototype, "call").mockImplementation(async function (this: WorkerHost<object>, ...words) {
    threads++;
    const reply = await Reflect.apply(call, this, words);
    replied();
    return reply;
  });
});
afterEach(async () => {
  for (const store of opened) await store.close();
  vi.restoreAllMocks();
});

function made() {
  const folder = join(root, String(stores++));
  writeOneView(folder, { id: [0n], n: [7n], s: ["text"] });
  const file = join(folder, "data/online_store.db");
  const view = findView(readFeastRepository(folder).registry, "v")!;
  return {
    file,
    async read(limit = LIMIT, features = view.features): Promise<unknown> {
      const store = openSnapshotStore(file, 3, limit);
      opened.push(store);
      const reader = await store.prepare([{ view, features }], { bytes: "utf8", eventTimes: false });
      const [first] = await reader.getOnline(new Map([["id", scalars("int64", [0n])]]), 1);
      return first!.values[0];
    },
  };
}

test("a file of the largest small size is read without a thread", async () => {
  const { file, read } = made();
  truncateSync(file, SMALL_FILE);
  expect(await read()).toBe(7n);
  expect(threads).toBe(0);
  truncateSync(file, SMALL_FILE + 1);
  expect(await read()).toBe(7n);
  expect(threads).toBe(1);
});

test("the time of a small file is that of the file or of its log, whichever is later", async () => {
  const { file, read } = made();
  const writer = new Database(file);
  writer.pragma("journal_mode = WAL");
  writer.exec("UPDATE p_v SET event_ts = 5");
  const [older, later] = [1_700_000_000, 1_700_000_500];
  const timeAfter = async (fileTime: number, logTime: number) => {
    utimesSync(`${file}-wal`, logTime, logTime);
    utimesSync(file, fileTime, fileTime);
    await read();
    return vi.mocked(sharedSnapshot).mock.lastCall![1];
  };
  expect(await timeAfter(older, later)).toBe(1000 * later);
  expect(await timeAfter(later, older)).toBe(1000 * later);
  writer.close();
});

/** A share of one process: the file is written, and read back. Errors of the writer are kept. */
function shareInFolder() {
  const keys: [key: string, size: number][] = [];
  const errors: string[] = [];
  vi.mocked(sharedFile).mockImplementation(async ({ key, size, write }) => {
    keys.push([key, size]);
    const path = join(root, `shared ${stores} ${keys.length}`);
    const file = openSync(path, "w");
    try {
      await write(file, path);
      return { path, bytes: readFileSync(path) };
    } catch (error) {
      errors.push((error as Error).message);
      return undefined;
    } finally {
      closeSync(file);
    }
  });
  return { keys, errors };
}

test("a large file is shared by its state and the features that are read", async () => {
  const { file, read } = made();
  truncateSync(file, SMALL_FILE + 1);
  const { keys, errors } = shareInFolder();
  const features = findView(readFeastRepository(join(file, "../..")).registry, "v")!.features;
  expect([await read(), await read(), await read(LIMIT, features.slice(1))]).toEqual([7n, 7n, "text"]);
  expect(threads).toBe(3);
  appendFileSync(file, Buffer.alloc(1));
  expect(await read()).toBe(7n);
  expect(errors).toEqual([]);
  const names = keys.map(([key]) => key);
  expect(names[1]).toBe(names[0]);
  expect(new Set(names).size).toBe(3);
  expect(keys.map(([, size]) => size)).toEqual([1, 1, 1, 2].map(more => SMALL_FILE + more));
  expect(statSync(file).size).toBe(SMALL_FILE + 2);
});

test("a large file that does not fit, or is being written, is not shared", async () => {
  const { file, read } = made();
  truncateSync(file, SMALL_FILE + 1);
  const { errors } = shareInFolder();
  expect(await read(0)).toBe(7n);
  expect(errors).toEqual(["it is not shared"]);
  replied = () => appendFileSync(file, Buffer.alloc(1));
  expect(await read()).toBe(7n);
  expect(errors).toEqual(["it is not shared", "it is not shared"]);
});

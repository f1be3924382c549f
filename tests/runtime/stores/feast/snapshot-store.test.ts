// When a store in memory looks at its file, and who shares a look. The clock is set by hand; looks are awaited one by one.
import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WorkerHost } from "#contract/workers/worker-host.js";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { keyEncoder } from "#formats/feast/feast-key.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { inBackground } from "#runtime/base/in-background.js";
import type { ThreadOrder } from "#runtime/stores/feast/snapshot-reply.js";
import { openSnapshotStore, type SnapshotFiles } from "#runtime/stores/feast/snapshot-store.js";
import type { FeatureReader, FeatureStore } from "#runtime/stores/feast/store.js";
import { scalars } from "../../../operators/step.js";
import { writeOneView } from "./one-view.js";
import "../../../needs/built.js";

vi.mock(import("#runtime/base/in-background.js"), { spy: true });

const root = mkdtempSync(join(tmpdir(), "merlon-looks-"));
afterAll(() => rmSync(root, { recursive: true }));
const encode = keyEncoder([{ name: "id", type: "INT64" }], 3);

const LIMIT = 2 ** 24;
/** Milliseconds of `performance.now`. */
let now: number;
const opened: FeatureStore[] = [];
beforeEach(() => {
  now = 5000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  vi.mocked(inBackground).mockClear();
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  vi.restoreAllMocks();
});

/** A file with the number `n` of one entity. */
function made(name: string, n: bigint) {
  const folder = join(root, name);
  writeOneView(folder, { id: [0n], n: [n], s: ["text"] });
  const { registry } = readFeastRepository(folder);
  const file = join(folder, "data/online_store.db");
  return {
    file,
    async open(files?: SnapshotFiles, limit = LIMIT): Promise<FeatureReader> {
      const store = openSnapshotStore(file, 3, limit, files);
      opened.push(store);
      const view = findView(registry, "v")!;
      return store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
    },
    /** @returns the database, open */
    write(value: bigint, pragma?: string): Database.Database {
      const db = new Database(file);
      if (pragma) db.pragma(pragma);
      db.prepare("UPDATE p_v SET value = ? WHERE entity_key = ? AND feature_name = 'n'").run(
        encodeValue("INT64", value),
        encode([0n]),
      );
      return db;
    },
  };
}

async function numberOf(reader: FeatureReader): Promise<unknown> {
  const [n] = await reader.getOnline(new Map([["id", scalars("int64", [0n])]]), 1);
  return n!.values[0];
}

/** The looks so far. */
const looks = (): readonly Promise<unknown>[] =>
  vi
    .mocked(inBackground)
    .mock.calls.flatMap(([work, doing]) => (doing === "looking for changes of a feature store" ? [work] : []));

/** A request that makes the file be looked at, and the end of that look. */
async function look(reader: FeatureReader): Promise<void> {
  const before = looks().length;
  now += 1001;
  await numberOf(reader);
  expect(looks()).toHaveLength(before + 1);
  await looks()[before];
}

/** Orders that threads have received from now on. */
function watchThreads(): readonly ThreadOrder[] {
  const orders: ThreadOrder[] = [];
  const { call } = WorkerHost.prototype;
  vi.spyOn(WorkerHost.prototype, "call").mockImplementation(function (this: WorkerHost<object>, ...words) {
    orders.push((words as unknown as [string, ThreadOrder])[1]);
    return Reflect.apply(call, this, words);
  });
  return orders;
}

describe("a large file", () => {
  const large = (name: string) => {
    const { file, open } = made(name, 1n);
    // Beyond the size of a file that the process reads itself.
    truncateSync(file, 8 << 20);
    return open;
  };
  test("whose thread ends is a fault of the server", async () => {
    const open = large("ended");
    const { call } = WorkerHost.prototype;
    vi.spyOn(WorkerHost.prototype, "call").mockImplementation(async function (this: WorkerHost<object>, ...words) {
      await this.end();
      return Reflect.apply(call, this, words);
    });
    await expect(open()).rejects.toMatchObject({
      code: "INTERNAL",
      message: "the snapshot thread has ended: it was closed",
    });
  });
});

test("after the first change a thread reads what has changed since", async () => {
  const { open, write } = made("since", 1n);
  const reader = await open();
  const threads = watchThreads();
  for (const n of [2n, 3n]) {
    write(n).close();
    await look(reader);
    expect(await numberOf(reader)).toBe(n);
  }
  expect(threads.map(({ before }) => before)).toEqual([undefined, [[expect.objectContaining({ isWhole: true })]]]);
});

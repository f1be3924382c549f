/** Snapshots as bytes that processes share: equal when they are read again, and a store answers from them as from its own memory. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { keyEncoder } from "#formats/feast/feast-key.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { provideMapping } from "#runtime/base/shared/mapping.js";
import { shareFiles } from "#runtime/server/memory/allocator.js";
import { openSnapshotStore } from "#runtime/stores/feast/snapshot-store.js";
import { scalars } from "../../../operators/step.js";
import { writeOneView } from "./one-view.js";
import "../../../needs/built.js";

const root = mkdtempSync(join(tmpdir(), "merlon-packed-"));
const ROWS = 40_000;
const LARGE_FILE = 4 << 20;
beforeAll(() => {
  vi.stubEnv("TMPDIR", root);
  const ids = Array.from({ length: ROWS }, (_, i) => BigInt(i * 7));
  writeOneView(root, { id: ids, n: ids.map(id => id * 3n), s: ids.map(id => `text ${id % 11n}\0ü`) });
});
afterAll(() => {
  provideMapping(undefined);
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

test("a large store answers alike from shared memory and its own, and follows its changes", async () => {
  const file = join(root, "data/online_store.db");
  expect(statSync(file).size).toBeGreaterThan(LARGE_FILE);
  const view = findView(readFeastRepository(root).registry, "v")!;
  const open = async () => {
    const store = openSnapshotStore(file, 3, 2 ** 30);
    const reader = await store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: true });
    return { store, reader };
  };
  const keys = [0n, 7n, 8n, -1n, 7n * BigInt(ROWS - 1)];
  const answer = async ({ reader }: Awaited<ReturnType<typeof open>>) =>
    reader.getOnline(new Map([["id", scalars("int64", keys)]]), keys.length);
  const own = await open();
  shareFiles(true);
  const [first, second] = [await open(), await open()];
  const shared = readdirSync(root).find(name => name.startsWith("merlon-shared-"));
  expect(shared && existsSync(join(root, shared))).toBe(true);
  const before = await answer(own);
  expect(before[0]!.values).toEqual(BigInt64Array.from([0n, 21n, 0n, 0n, 21n * BigInt(ROWS - 1)]));
  expect(await answer(first)).toEqual(before);
  expect(await answer(second)).toEqual(before);
  const db = new Database(file);
  const key = keyEncoder([{ name: "id", type: "INT64" }], 3)([7n]);
  db.prepare("UPDATE p_v SET value = ? WHERE entity_key = ? AND feature_name = 'n'").run(encodeValue("INT64", 5n), key);
  db.close();
  for (const one of [own, first, second])
    await vi.waitFor(async () => expect((await answer(one))[0]!.values[1]).toBe(5n), {
      timeout: 20_000,
      interval: 300,
    });
  for (const { store } of [own, first, second]) await store.close();
});

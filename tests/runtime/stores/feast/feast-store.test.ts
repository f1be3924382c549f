import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { KeyVersion } from "#formats/feast/feast-key.js";
import { type FeastFeature, type FeastView, findView } from "#formats/feast/feast-registry.js";
import { type FeastRepository, readFeastRepository } from "#formats/feast/feast-repository.js";
import { openSnapshotStore } from "#runtime/stores/feast/snapshot-store.js";
import { openSqliteStore } from "#runtime/stores/feast/sqlite-store.js";
import type { FeatureColumn, FeatureStore, ReadOptions } from "#runtime/stores/feast/store.js";
import { builtUrl } from "../../../needs/built.js";
import { lists, plain, scalars } from "../../../operators/step.js";
import { manyRows, writeOneView } from "./one-view.js";

const fixture = (version: number) => fileURLToPath(new URL(`../../../fixtures/feast/v${version}`, import.meta.url));

const options: ReadOptions = { bytes: "utf8", eventTimes: false };
/** The two ways a SQLite store is read, by their limit of memory. */
const WAYS: [string, (file: string, version: KeyVersion) => FeatureStore][] = [
  ["by statement", openSqliteStore],
  ["from memory", (file, version) => openSnapshotStore(file, version, 2 ** 28)],
  ["from memory that does not suffice", (file, version) => openSnapshotStore(file, version, 10)],
];
const reading = async (store: FeatureStore, view: FeastView, features: readonly FeastFeature[] = view.features) => {
  const reader = await store.prepare([{ view, features }], options);
  return (keys: Parameters<typeof plain>[0], count: number) =>
    reader.getOnline(new Map([[view.joinKeys[0]!.name, keys]]), count);
};

const sqliteFile = ({ onlineStore }: FeastRepository): string => {
  if (onlineStore.type !== "sqlite") throw new Error("the fixtures are SQLite stores");
  return onlineStore.file;
};

describe.each(WAYS)("faults, %s", (_, open) => {
  const repository = readFeastRepository(fixture(3));
  test("a store without the view's table names table, view and the way out", async () => {
    const store = open(sqliteFile(repository), 3);
    const view = { ...findView(repository.registry, "user_features")!, table: "shop_gone", name: "gone" };
    await expect((async () => store.prepare([{ view, features: view.features }], options))()).rejects.toThrow(
      /has no table `shop_gone` for the view `gone`\. Run `feast materialize`/,
    );
    await store.close();
  });
  test("a file that is not a database", async () => {
    const view = findView(repository.registry, "user_features")!;
    const opened = async (file: string) => reading(open(file, 3), view);
    await expect(opened(`${fixture(3)}/data/registry.db`)).rejects.toThrow(
      /registry\.db can not be opened: file is not a database/,
    );
    await expect(opened(`${fixture(3)}/data/none.db`)).rejects.toThrow(/none\.db can not be opened/);
  });
  test("a value of another type than the registry's", async () => {
    const store = open(sqliteFile(repository), 3);
    const view = findView(repository.registry, "user_features")!;
    const wrong = view.features.map(f => (f.name === "city" ? { ...f, type: "INT64" as const } : f));
    const ask = async (features: readonly FeastFeature[]) =>
      (await reading(store, view, features))(scalars("int64", [1n]), 1);
    await expect(ask(wrong)).rejects.toThrow(
      /^feature `user_features:city` is int64 in the registry, and the store holds the string "(Basel|Zürich|)"/,
    );
    const list = view.features.map(f => (f.name === "age" ? { ...f, type: "INT32_LIST" as const } : f));
    await expect(ask(list)).rejects.toThrow(
      /user_features:age` of user_id -?\d+ can not be read: a list belongs there and the store holds INT32/,
    );
    await store.close();
  });
  test("many keys are read in several statements, in their order", async () => {
    const store = open(sqliteFile(repository), 3);
    const view = findView(repository.registry, "user_features")!;
    const keys = Array.from({ length: 1000 }, (_, i) => BigInt(i + 100));
    keys[3] = 1n;
    keys[256] = -2n;
    keys[999] = 9007199254740993n;
    const lists64 = view.features.filter(f => f.name === "purchased_ids");
    const [found] = (await reading(store, view, lists64))(scalars("int64", keys), 1000) as readonly [FeatureColumn];
    const col = lists("int64", []);
    const all = plain({ ...col, rows: { count: 1000 }, values: found.values, offsets: found.offsets! });
    expect(all.flatMap((value, i) => ((value as unknown[]).length > 0 ? [[i, value]] : []))).toEqual([
      [3, [5n, 9007199254740993n]],
      [256, [7n]],
      [999, [-1n, 0n, 1n]],
    ]);
    await store.close();
  });
});

test("a large store is read by a thread, which the process waits for", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-large-store-"));
  const rows = manyRows(12_000);
  writeOneView(folder, { ...rows, id: rows.id.map(id => 3n * id) });
  const file = join(folder, "data", "online_store.db");
  expect(statSync(file).size).toBeGreaterThan(4 << 20);
  const module = (path: string) => JSON.stringify(builtUrl(path));
  const script = join(folder, "ask.mjs");
  writeFileSync(
    script,
    `import { openSnapshotStore } from ${module("runtime/stores/feast/snapshot-store.js")};
import { readFeastRepository } from ${module("formats/feast/feast-repository.js")};
const [view] = readFeastRepository(${JSON.stringify(folder)}).registry.views;
const reader = await openSnapshotStore(${JSON.stringify(file)}, 3, 2 ** 28).prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
const keys = { dtype: "int64", rows: { count: 3 }, values: BigInt64Array.of(${3 * 11_999}n, 1n, 0n) };
const [, { values, status }] = reader.getOnline(new Map([["id", keys]]), 3);
console.log(JSON.stringify([values.map(v => v.slice(0, 6)), [...status]]));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  expect(JSON.parse(stdout)).toEqual([
    ["11999 ", "", "0 xxxx"],
    [1, 0, 1],
  ]);
  rmSync(folder, { recursive: true });
});

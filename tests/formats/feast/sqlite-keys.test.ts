import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { sqlite } from "#formats/feast/open-sqlite.js";
import { type KnownKeys, lookInStore } from "#formats/feast/sqlite-keys.js";

const samples = fileURLToPath(new URL("../../samples/artefacts/features", import.meta.url));
const repository = readFeastRepository(samples);
const items = findView(repository.registry, "item_features")!;
const store = (repository.onlineStore as { file: string }).file;
const folder = mkdtempSync(join(tmpdir(), "merlon-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

const missing = (keys: readonly bigint[], version: 1 | 3 = 3) =>
  lookInStore(store, look => (look(items, version) as KnownKeys).missing(keys));
const seen = (file: string, view = items) => lookInStore(file, look => look(view, 3));

test("keys that the store has, and those that it lacks", () => {
  expect(repository.keyVersion).toBe(3);
  expect(missing([9n, 10n, 49n, 50n])).toEqual([9n, 50n]);
  expect(missing([])).toEqual([]);
});

test("a store without the file, the table, or rows; and one that is none", () => {
  expect(seen(join(folder, "none.db"))).toBe("no file");
  const made = join(folder, "made.db");
  const db = new (sqlite())(made);
  db.exec("CREATE TABLE other (x)");
  expect(seen(made)).toBe("no table");
  db.exec(`CREATE TABLE "${items.table}" (entity_key BLOB, feature_name TEXT)`);
  expect(seen(made)).toBe("no rows");
  db.close();
  const broken = join(folder, "broken.db");
  writeFileSync(broken, readFileSync(store).subarray(0, 5000));
  expect(seen(broken)).toBe("unread");
});

test("a table's name is quoted", () => {
  expect(seen(store, { ...items, table: 'x" UNION SELECT 1 --' })).toBe("no table");
});

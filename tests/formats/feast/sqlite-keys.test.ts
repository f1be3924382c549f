import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { sqlite } from "#formats/feast/open-sqlite.js";
import { type KnownKeys, viewInStore } from "#formats/feast/sqlite-keys.js";

const samples = fileURLToPath(new URL("../../samples/artefacts/features", import.meta.url));
const repository = readFeastRepository(samples);
const items = findView(repository.registry, "item_features")!;
const store = (repository.onlineStore as { file: string }).file;
const folder = mkdtempSync(join(tmpdir(), "merlon-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("keys that the store has, and those that it lacks", () => {
  const keys = viewInStore(store, items, repository.keyVersion) as KnownKeys;
  expect(keys.missing([9n, 10n, 49n, 50n])).toEqual([9n, 50n]);
  expect(keys.missing([])).toEqual([]);
});

test("keys of another serialization have no rows", () => {
  const keys = viewInStore(store, items, 1) as KnownKeys;
  expect(keys.missing([10n, 11n])).toEqual([10n, 11n]);
});

test("a store without the file, the table, or rows; and one that is none", () => {
  expect(viewInStore(join(folder, "none.db"), items, 3)).toBe("no file");
  const made = join(folder, "made.db");
  const db = new (sqlite())(made);
  db.exec("CREATE TABLE other (x)");
  expect(viewInStore(made, items, 3)).toBe("no table");
  db.exec(`CREATE TABLE "${items.table}" (entity_key BLOB, feature_name TEXT)`);
  expect(viewInStore(made, items, 3)).toBe("no rows");
  db.close();
  const broken = join(folder, "broken.db");
  writeFileSync(broken, readFileSync(store).subarray(0, 5000));
  expect(viewInStore(broken, items, 3)).toBe("unread");
});

test("a table's name is quoted", () => {
  expect(viewInStore(store, { ...items, table: 'x" UNION SELECT 1 --' }, 3)).toBe("no table");
});

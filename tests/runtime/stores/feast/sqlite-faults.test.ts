// Faults of a SQLite store that can not be opened, or has other tables and keys than Feast's.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, expect, test, vi } from "vitest";
import { type KeyVersion, keyEncoder } from "#formats/feast/feast-key.js";
import type { FeastView } from "#formats/feast/feast-registry.js";
import { openToRead } from "#formats/feast/open-sqlite.js";
import { checkKeys, checkStore, checkTable, openDatabase } from "#runtime/stores/feast/sqlite-store.js";

vi.mock(import("#formats/feast/open-sqlite.js"), { spy: true });

const folder = mkdtempSync(join(tmpdir(), "merlon-sqlite-faults-"));
afterAll(() => rmSync(folder, { recursive: true }));
const FILE = "/stores/online_store.db";

const viewOf = (...joinKeys: FeastView["joinKeys"]): FeastView =>
  ({ name: "v", table: "p_v", joinKeys, features: [] }) as unknown as FeastView;

test.each([
  [
    "SQLITE_READONLY_ROLLBACK",
    "attempt to write a readonly database",
    "attempt to write a readonly database. A process that wrote it was killed. Run `merlon feast materialize` again as a user who may write it.",
  ],
  [
    "SQLITE_BUSY_RECOVERY",
    "database is locked",
    "database is locked. Another process is writing it: try again when that is done.",
  ],
  ["SQLITE_NOTADB", "file is not a database", "file is not a database. Materialize it again with Feast."],
])("a file that can not be opened: %s", (code, message, said) => {
  const cause = Object.assign(new Error(message), { code });
  vi.mocked(openToRead).mockImplementationOnce(() => {
    throw cause;
  });
  expect(() => openDatabase(FILE)).toThrow(
    expect.objectContaining({
      code: "UNAVAILABLE",
      message: `the online store ${FILE} can not be opened: ${said}`,
      cause,
    }),
  );
});

test("without SQLite's package, the fault is about the package", () => {
  vi.mocked(openToRead).mockImplementationOnce(() => {
    throw Object.assign(new Error("Cannot find module 'better-sqlite3'"), { code: "MODULE_NOT_FOUND" });
  });
  expect(() => openDatabase(FILE)).toThrow(
    expect.objectContaining({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/^the package better-sqlite3 is not installed; `node \S+ better-sqlite3` adds it/),
    }),
  );
});

test("a file that was removed since it was opened has no check", () => {
  expect(() => checkStore(new Database(":memory:"), join(folder, "removed.db"))).not.toThrow();
});

test("a store without the table, and one whose table is another program's", () => {
  const db = new Database(":memory:");
  const view = viewOf({ name: "id", type: "INT64" });
  expect(() => checkTable(db, FILE, view)).toThrow(
    expect.objectContaining({
      code: "NOT_FOUND",
      message: `the online store ${FILE} has no table \`p_v\` for the view \`v\`. Run \`feast materialize\` for it.`,
    }),
  );
  db.exec("CREATE TABLE p_v (entity_key BLOB, value BLOB)");
  expect(() => checkTable(db, FILE, view)).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: `table \`p_v\` of the online store ${FILE} has no column \`feature_name\`, \`event_ts\`: Feast did not make it. Drop it, then run \`feast apply\` and \`feast materialize\`.`,
    }),
  );
  db.exec("ALTER TABLE p_v ADD feature_name TEXT; ALTER TABLE p_v ADD event_ts INTEGER");
  expect(() => checkTable(db, FILE, view)).not.toThrow();
});

const ID = { name: "id", type: "INT64" } as const;
const SHOP = { name: "shop", type: "STRING" } as const;
const OTHER = { name: "town", type: "STRING" } as const;
const others = (type: string, name: string) =>
  `table \`p_v\` of the online store ${FILE} holds other keys than ${type} \`${name}\`, which the registry names. Run \`feast apply\` and materialize the view again.`;
const another = (seen: KeyVersion, said: KeyVersion) =>
  `table \`p_v\` of the online store ${FILE} holds keys of version ${seen}, and feature_store.yaml says ${said}. Correct \`entity_key_serialization_version\`.`;

test.each<[string, Uint8Array | string | null, FeastView["joinKeys"], KeyVersion, string]>([
  ["one of two join keys is an INT64", keyEncoder([ID, SHOP], 1)([7n, "a"]), [ID, SHOP], 2, another(1, 2)],
  ["keys of another entity, behind those", keyEncoder([OTHER], 2)(["a"]), [SHOP], 2, others("STRING", "shop")],
  ["keys as text", "id 7", [ID], 3, others("INT64", "id")],
  ["no keys", null, [ID], 3, others("INT64", "id")],
])("keys that can not be found: %s", (_, key, joinKeys, version, said) => {
  const db = new Database(":memory:");
  db.exec("CREATE TABLE p_v (entity_key, feature_name, value, event_ts)");
  db.prepare("INSERT INTO p_v VALUES (?, 'n', x'', 0)").run(key);
  expect(() => checkKeys(db, FILE, viewOf(...joinKeys), version)).toThrow(said);
});

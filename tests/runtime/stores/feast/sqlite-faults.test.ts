// Faults of a SQLite store that can not be opened, or has other tables and keys than Feast's.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, expect, test, vi } from "vitest";
import type { FeastView } from "#formats/feast/feast-registry.js";
import { openToRead } from "#formats/feast/open-sqlite.js";
import { checkTable, openDatabase } from "#runtime/stores/feast/sqlite-store.js";

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

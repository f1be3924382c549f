// SQLite files that are opened for reading: what a killed writer left is rolled back first, and nothing else is written.
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { needsRecovery, openToRead, sqlite } from "#formats/feast/open-sqlite.js";
import { openFiles } from "../../run/open-files.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-open-sqlite-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with 500 rows of which a writer that never ended had changed all, and its journal. */
function leftByWriter(name: string): string {
  const file = join(folder, `${name}-writer.db`);
  const writer = new (sqlite())(file);
  writer.exec("PRAGMA cache_size = 2; CREATE TABLE t (n INTEGER, s TEXT)");
  const add = writer.prepare("INSERT INTO t VALUES (?, ?)");
  writer.transaction(() => {
    for (let n = 0; n < 500; n++) add.run(n, "before".padEnd(200));
  })();
  writer.exec("BEGIN; UPDATE t SET s = 'after', n = n + 1000");
  const copy = join(folder, `${name}.db`);
  copyFileSync(file, copy);
  copyFileSync(`${file}-journal`, `${copy}-journal`);
  writer.exec("ROLLBACK");
  writer.close();
  return copy;
}

const rows = "SELECT count(*) AS count, sum(n) AS sum, min(s) AS least FROM t";

describe("a journal of a writer that was killed", () => {
  test("is rolled back, and the file is then as it was before", () => {
    const file = leftByWriter("killed");
    const db = openToRead(file, 1000);
    expect(db.prepare(rows).get()).toEqual({ count: 500, sum: (499 * 500) / 2, least: "before".padEnd(200) });
    expect(existsSync(`${file}-journal`)).toBe(false);
    db.close();
  });
  test("is what the first attempt fails of", () => {
    const file = leftByWriter("refused");
    const db = new (sqlite())(file, { readonly: true });
    let seen: unknown;
    try {
      db.prepare(rows).get();
    } catch (error) {
      seen = error;
    }
    db.close();
    expect(seen).toMatchObject({ code: "SQLITE_READONLY_ROLLBACK" });
    expect(needsRecovery(seen)).toBe(true);
  });
});

describe("a file that is opened", () => {
  const made = (name: string): string => {
    const file = join(folder, name);
    const db = new (sqlite())(file);
    db.exec("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (7)");
    db.close();
    return file;
  };
  test("cannot be written, trusts no function of its schema, is checked cell by cell, and is not mapped", () => {
    const db = openToRead(made("settings.db"), 1000);
    expect(db.readonly).toBe(true);
    expect(() => db.exec("INSERT INTO t VALUES (8)")).toThrow("readonly");
    const setting = (name: string) => db.pragma(name, { simple: true });
    expect([setting("trusted_schema"), setting("cell_size_check"), setting("mmap_size")]).toEqual([0, 1, 0]);
    db.close();
  });
  test("is not made where there is none, and is unchanged", () => {
    const none = join(folder, "none.db");
    expect(() => openToRead(none, 0)).toThrow("unable to open database file");
    expect(existsSync(none)).toBe(false);
    const file = made("unchanged.db");
    const before = readFileSync(file);
    openToRead(file, 0).close();
    expect(readFileSync(file).equals(before)).toBe(true);
  });
  test("is closed again where it is not a database", () => {
    const file = join(folder, "text.db");
    copyFileSync(import.meta.filename, file);
    expect(() => openToRead(file, 0)).toThrow("file is not a database");
    expect(openFiles(file)).toEqual([]);
  });
});

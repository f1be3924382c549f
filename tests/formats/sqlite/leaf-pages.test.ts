// The leaf pages of a table, as SQLite wrote them and with any bytes damaged.
import Database from "better-sqlite3";
import fc from "fast-check";
import { expect, test } from "vitest";
import "../../needs/built.js";
import { changedPages, leafPages } from "#formats/sqlite/leaf-pages.js";

const rootOf = (db: Database.Database, table: string) =>
  db.prepare("SELECT rootpage FROM sqlite_master WHERE name = ?").pluck().get(table) as number;

function database(pageSize: number, rows: number): Database.Database {
  const db = new Database(":memory:");
  db.pragma(`page_size = ${pageSize}`);
  db.exec(
    "CREATE TABLE other (x); CREATE TABLE t (a BLOB, b TEXT); CREATE TABLE keyed (a PRIMARY KEY, b) WITHOUT ROWID",
  );
  const insert = db.prepare("INSERT INTO t (rowid, a, b) VALUES (?, ?, ?)");
  for (let i = 0; i < rows; i++) insert.run(3 * i, Buffer.alloc(i % 3000, i), `row ${i}`);
  return db;
}

test.each([512, 4096, 65536])("every row is on one page of %i bytes", pageSize => {
  for (const rows of [0, 1, 400]) {
    const db = database(pageSize, rows);
    const pages = leafPages(db.serialize(), rootOf(db, "t"))!;
    const on = db.prepare<[number, number], number>("SELECT rowid FROM t WHERE rowid BETWEEN ? AND ?").pluck();
    const found = Array.from(pages.firstRows, (first, i) => on.all(first, pages.lastRows[i]!));
    expect(found.flat()).toEqual(Array.from({ length: rows }, (_, i) => 3 * i));
    expect(found.every(on => on.length > 0)).toBe(true);
    db.close();
  }
});

test("a change of one row changes its page", () => {
  const db = database(512, 400);
  const root = rootOf(db, "t");
  const before = leafPages(db.serialize(), root)!;
  expect(changedPages(before, before)).toEqual([]);
  db.exec("UPDATE t SET b = 'wor 7' WHERE rowid = 21; INSERT INTO other VALUES (1)");
  const now = leafPages(db.serialize(), root)!;
  const [changed, ...more] = changedPages(before, now);
  expect(more).toEqual([]);
  expect([now.firstRows[changed!]! <= 21, now.lastRows[changed!]! >= 21]).toEqual([true, true]);
  db.close();
});

test("pages that are not a table of rows, and rowids beyond numbers", () => {
  const db = database(512, 3);
  expect(leafPages(db.serialize(), rootOf(db, "keyed"))).toBeUndefined();
  expect(leafPages(db.serialize(), 0)).toBeUndefined();
  expect(leafPages(db.serialize(), 10_000)).toBeUndefined();
  expect(leafPages(new Uint8Array(50), 1)).toBeUndefined();
  db.exec("INSERT INTO t (rowid, b) VALUES (-1, '')");
  expect(leafPages(db.serialize(), rootOf(db, "t"))).toBeUndefined();
  db.close();
});

test("damaged pages are refused, or read to their end", () => {
  const db = database(512, 200);
  const whole = db.serialize();
  const root = rootOf(db, "t");
  const damages = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  // Headers of pages, where a byte says most.
  const headers = fc.array(
    fc.tuple(
      fc.nat(whole.length / 512 - 1).chain(page => fc.integer({ min: 0, max: 16 }).map(at => 512 * page + at)),
      fc.nat(255),
    ),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(fc.oneof(damages, headers), fc.nat(whole.length), (changes, cut) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      for (const part of [bytes, bytes.subarray(0, cut)]) {
        const pages = leafPages(part, root);
        expect(pages === undefined || pages.numbers.length <= whole.length / 512).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
  db.close();
});

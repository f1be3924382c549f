// The leaf pages of a table, as SQLite wrote them and with any bytes damaged.
import Database from "better-sqlite3";
import fc from "fast-check";
import { expect, test } from "vitest";
import "../../needs/built.js";
import { leafPages } from "#formats/sqlite/leaf-pages.js";

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

/** A file of one page of 512 bytes: a leaf with these bytes as its only row, and the offset of the row. */
function leafWith(row: readonly number[], at = 200): Buffer {
  const file = Buffer.alloc(1024);
  file.writeUInt16BE(512, 16);
  file[100] = 13;
  file.writeUInt16BE(1, 103);
  file.writeUInt16BE(at, 108);
  file.set(row, at);
  return file;
}

test("numbers of up to eight bytes on one page are read, longer ones are not", () => {
  const firstRow = (row: readonly number[], at?: number) => leafPages(leafWith(row, at), 1)?.firstRows[0];
  const long = (bytes: number) => [...new Array<number>(bytes - 1).fill(0x80), 2];
  expect([firstRow([2, 7]), firstRow([...long(8), 7]), firstRow([2, ...long(8)])]).toEqual([7, 7, 2]);
  expect([firstRow([...long(9), 7]), firstRow([2, ...long(9)])]).toEqual([undefined, undefined]);
  expect([firstRow([2, 7], 510), firstRow([2, 0x80, 7], 510)]).toEqual([7, undefined]);
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

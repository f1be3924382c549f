// Which changes of a store are followed by its changed pages, and which make all be read anew.
import type Database from "better-sqlite3";
import { expect, test } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { keyEncoder, keyPrefix } from "#formats/feast/feast-key.js";
import { ownTable } from "#runtime/base/shared/shared-table.js";
import { answerFrom, type Held, hold, holdChanges } from "#runtime/stores/feast/held-snapshot.js";
import { databaseBytes, type TableState } from "#runtime/stores/feast/snapshot-changes.js";
import type { SnapshotOrder } from "#runtime/stores/feast/snapshot-form.js";
import { replyTo } from "#runtime/stores/feast/snapshot-reply.js";
import { scalars } from "../../../operators/step.js";
import { answers, follow, keyOf, MOST, makeStore, shopOf, TABLE, takeAll, upsert, write } from "./changing-store.js";

test("a value that changes on overflow pages alone", () => {
  const store = makeStore();
  const order = store.order(5, false);
  const set = (text: string) =>
    write(store.file, db =>
      db
        .prepare(`UPDATE ${TABLE} SET value = ? WHERE entity_key = ? AND feature_name = 'brand'`)
        .run(encodeValue("STRING", text), keyOf(7)),
    );
  set(`${"z".repeat(2000)}a`);
  const before = takeAll(order);
  set(`${"z".repeat(2000)}b`);
  const { held, how } = follow(order, before);
  expect(how).toBe("changes");
  expect(answers(order, held)[2]!.values[7]).toBe(`${"z".repeat(2000)}b`);
});

test("what changes cannot be followed in is read anew", () => {
  const store = makeStore();
  const order = store.order(5, false);
  // Rows that no key and feature tell apart.
  write(store.file, db =>
    db.exec(`ALTER TABLE ${TABLE} RENAME TO old; CREATE TABLE ${TABLE} AS SELECT * FROM old; DROP TABLE old`),
  );
  expect(takeAll(order).tables).toEqual([undefined]);
  const keys = makeStore();
  // Two keys of one text, in UTF-8.
  write(keys.file, db => {
    const key = Buffer.from(keyOf(3));
    key[key.length - 1] = 0xff;
    upsert(db, 3, 0, 1, 5);
    db.prepare(`UPDATE ${TABLE} SET entity_key = ? WHERE entity_key = ?`).run(key, keyOf(3));
  });
  expect(takeAll(keys.order(5, false)).tables).toEqual([undefined]);
  const full = makeStore();
  const limited = { ...full.order(5, false), limit: takeAll(full.order(5, false)).bytes };
  const held = takeAll(limited);
  write(full.file, db => void upsert(db, MOST - 1, 0, 1, 5));
  const reply = replyTo({ orders: [limited], follow: true, before: [held.tables as TableState[]] });
  expect("changes" in reply && holdChanges(limited, held, reply.changes[0]!)).toBeUndefined();
});

test.each([
  { bytes: "utf8", tokens: ["c3a9", "6161"], isFollowed: true },
  // Two keys of one text.
  { bytes: "utf8", tokens: ["ff", "fe"], isFollowed: false },
  { bytes: "base64", tokens: ["ff", "fe"], isFollowed: true },
] as const)("keys of bytes as $bytes, $tokens, can be followed: $isFollowed", ({ bytes, tokens, isFollowed }) => {
  const store = makeStore();
  const order = store.order(1, false);
  const joinKeys = [{ name: "token", type: "BYTES" }] as const;
  const encodeToken = keyEncoder(joinKeys, 3);
  write(store.file, db => {
    db.exec(`DELETE FROM ${TABLE}`);
    const insert = db.prepare(`INSERT INTO ${TABLE} (entity_key, feature_name, value) VALUES (?, 'count', ?)`);
    for (const token of tokens) insert.run(encodeToken([Buffer.from(token, "hex")]), encodeValue("INT64", 1n));
  });
  const [{ view, features }] = order.reads as readonly [SnapshotOrder["reads"][number]];
  const reads = [{ view: { ...view, joinKeys }, features }];
  const { tables } = takeAll({ ...order, reads, options: { bytes, eventTimes: false } });
  expect(tables[0] !== undefined).toBe(isFollowed);
});

test("a file that changes without its rows is followed", () => {
  const store = makeStore();
  const order = store.order(5, false);
  const before = takeAll(order);
  write(store.file, db => void db.pragma("user_version = 7"));
  expect(follow(order, before).how).toBe("changes");
});

/** A key with its first integer in 4 bytes instead of 8. */
function narrowed(wide: Buffer): Buffer {
  const at = keyPrefix(["item_id", "shop"], 3).length;
  const size = Uint8Array.of(4, 0, 0, 0);
  return Buffer.concat([wide.subarray(0, at + 4), size, wide.subarray(at + 8, at + 12), wide.subarray(at + 16)]);
}

test("a key that is stored in another form than the others is read anew", () => {
  const store = makeStore();
  const order = store.order(2, false);
  const insert = (key: Uint8Array, name: string, value: Uint8Array) =>
    write(store.file, db =>
      db.prepare(`INSERT INTO ${TABLE} (entity_key, feature_name, value) VALUES (?, ?, ?)`).run(key, name, value),
    );
  const wide = Buffer.from(keyOf(MOST - 1));
  insert(wide, "count", encodeValue("INT64", 1n));
  const before = takeAll(order);
  insert(narrowed(wide), "price", encodeValue("DOUBLE", 0.5));
  const { held, how } = follow(order, before);
  expect(how).toBe("counted");
  expect(answers(order, held)).toEqual(answers(order, takeAll(order)));
});

test("a row whose key is a text makes all be read anew", () => {
  const store = makeStore();
  const order = store.order(2, false);
  const before = takeAll(order);
  write(store.file, db =>
    db.prepare(`INSERT INTO ${TABLE} (entity_key, feature_name, value) VALUES ('3', 'count', x'')`).run(),
  );
  const { held, how } = follow(order, before);
  expect(how).toBe("all");
  expect(answers(order, held)).toEqual(answers(order, before));
});

/** The table of the store with the same rows, and this index in place of Feast's key. */
const reindex = (index: string) => (db: Database.Database) =>
  db.exec(`ALTER TABLE ${TABLE} RENAME TO old; CREATE TABLE ${TABLE} AS SELECT * FROM old; DROP TABLE old; ${index}`);

test.each([
  ["entity_key, feature_name", true],
  ["feature_name, entity_key", true],
  ["entity_key, feature_name, value", false],
  ["entity_key, feature_name) WHERE (value NOT NULL", false],
])("a table with a unique index of (%s) can be followed: %s", (columns, isFollowed) => {
  const store = makeStore();
  write(store.file, reindex(`CREATE UNIQUE INDEX u ON ${TABLE} (${columns})`));
  expect(takeAll(store.order(5, false)).tables[0] !== undefined).toBe(isFollowed);
});

test("a table that has lost its unique index is read anew", () => {
  const store = makeStore();
  const order = store.order(5, false);
  write(store.file, reindex(`CREATE UNIQUE INDEX u ON ${TABLE} (entity_key, feature_name)`));
  const before = takeAll(order);
  // The pages of the table stay as they are.
  write(store.file, db => db.exec("DROP INDEX u"));
  expect(follow(order, before).how).toBe("all");
});

test("rows of other keys than the view's cannot be followed", () => {
  const store = makeStore();
  const order = store.order(5, false);
  const before = takeAll(order);
  const other = keyEncoder([{ name: "other", type: "INT64" }], 3)([1n]);
  write(store.file, db =>
    db
      .prepare(`INSERT INTO ${TABLE} (entity_key, feature_name, value) VALUES (?, 'count', ?)`)
      .run(other, encodeValue("INT64", 1n)),
  );
  const { held, how } = follow(order, before);
  expect(how).toBe("all");
  expect(held.tables).toEqual([undefined]);
  expect(answers(order, held)).toEqual(answers(order, before));
});

test("a key that moves to another stored form with all its rows is read anew", () => {
  const store = makeStore();
  const order = store.order(5, false);
  const before = takeAll(order);
  const wide = Buffer.from(keyOf(3));
  write(store.file, db =>
    db.prepare(`UPDATE ${TABLE} SET entity_key = ? WHERE entity_key = ?`).run(narrowed(wide), wide),
  );
  const { held, how } = follow(order, before);
  expect(how).toBe("counted");
  expect(held.tables).toEqual([undefined]);
  expect(answers(order, held)).toEqual(answers(order, before));
});

test("changes are taken up to the limit, to the byte", () => {
  const store = makeStore();
  const order = store.order(5, false);
  const before = takeAll(order);
  write(store.file, db => void upsert(db, 3, 0, 1, 5));
  const reply = replyTo({ orders: [order], follow: true, before: [before.tables as TableState[]] });
  const changes = "changes" in reply ? reply.changes[0]! : [];
  const bytes = before.bytes + changes[0]!.bytes;
  expect(holdChanges({ ...order, limit: bytes }, before, changes)).toMatchObject({ bytes });
  expect(holdChanges({ ...order, limit: bytes - 1 }, before, changes)).toBeUndefined();
});

test("known entities that have all their features are marked as whole", () => {
  const store = makeStore();
  const order = store.order(1, false);
  write(store.file, db => db.exec(`DELETE FROM ${TABLE} WHERE value = x'' OR value IS NULL`));
  const ask = (...ids: readonly number[]) =>
    answerFrom(order.reads, takeAll(order))(
      new Map([
        ["item_id", scalars("int64", ids.map(BigInt))],
        ["shop", scalars("string", ids.map(shopOf))],
      ]),
      ids.length,
    );
  expect(ask(1, 2)).toMatchObject([{ whole: true, status: Uint8Array.of(1, 1) }]);
  expect(ask(1, MOST)[0]).not.toHaveProperty("whole");
  write(store.file, db => db.exec(`UPDATE ${TABLE} SET value = x'' WHERE feature_name = 'count' AND rowid < 10`));
  expect(ask(100, 101)[0]).not.toHaveProperty("whole");
});

test("a key of another type than the store's is named", () => {
  const store = makeStore();
  const order = store.order(1, false);
  const keys = new Map([
    ["item_id", scalars("int32", [1])],
    ["shop", scalars("string", [shopOf(1)])],
  ]);
  expect(() => answerFrom(order.reads, takeAll(order))(keys, 1)).toThrow(
    "the online store was fitted on `item_id` as int64, but the column is int32",
  );
});

test("each index of numbers has a name of its own, by view and column", () => {
  const store = makeStore();
  const [read] = store.order(5, false).reads;
  const names: string[] = [];
  const keys = [{ dtype: "int64", rows: { count: 1 }, values: BigInt64Array.of(7n) }];
  const view = { keys, features: [] } as unknown as Held["views"][number];
  hold(
    { ...store.order(5, false), reads: [read!, read!] },
    { views: [view, view], bytes: 0, tables: [] },
    (name, length, fill) => {
      names.push(name);
      return ownTable(name, length, fill);
    },
  );
  expect(names.length).toBeGreaterThan(1);
  expect(new Set(names).size).toBe(names.length);
});

test.each([
  { pages: 2 ** 17, pageSize: 4096, limit: 0, isRead: true },
  { pages: 2 ** 17 + 1, pageSize: 4096, limit: 0, isRead: false },
  { pages: 2 ** 17 + 1, pageSize: 4096, limit: 2 ** 29 + 4096, isRead: true },
  { pages: 2 ** 20, pageSize: 512, limit: 0, isRead: true },
  { pages: 2 ** 20 + 1, pageSize: 512, limit: 1, isRead: false },
])("$pages pages of $pageSize bytes with a limit of $limit are read into memory: $isRead", of => {
  const bytes = Buffer.from("all pages");
  // A real file of 512 MiB is not needed for a product of two numbers.
  const db = {
    pragma: (name: string) => (name === "page_count" ? of.pages : of.pageSize),
    serialize: () => bytes,
  } as unknown as Parameters<typeof databaseBytes>[0];
  const orders = [1, of.limit].map(limit => ({ ...makeStore().order(1, false), limit }));
  expect(databaseBytes(db, orders)).toBe(of.isRead ? bytes : undefined);
});

test("readers of a file are read anew together if one of them cannot follow a change", () => {
  const store = makeStore();
  // Only the second one reads a part of the table, and can follow a row of a feature that it does not read.
  const orders = [store.order(5, false), store.order(3, false)];
  const before = orders.map(order => takeAll(order).tables as TableState[]);
  write(store.file, db =>
    db
      .prepare(`INSERT INTO ${TABLE} (entity_key, feature_name, value) VALUES (?, 'other', ?)`)
      .run(keyOf(1), encodeValue("INT64", 1n)),
  );
  const alone = orders.map((order, i) => replyTo({ orders: [order], follow: true, before: [before[i]!] }));
  expect(alone.map(reply => "changes" in reply)).toEqual([false, true]);
  expect(replyTo({ orders, follow: true, before })).toMatchObject({ taken: [{ tables: [{}] }, { tables: [{}] }] });
});

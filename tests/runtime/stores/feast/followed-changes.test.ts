import { expect, test } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { keyEncoder, keyPrefix } from "#formats/feast/feast-key.js";
import { holdChanges } from "#runtime/stores/feast/held-snapshot.js";
import type { TableState } from "#runtime/stores/feast/snapshot-changes.js";
import { replyTo } from "#runtime/stores/feast/snapshot-reply.js";
import { answers, follow, keyOf, MOST, makeStore, TABLE, takeAll, upsert, write } from "./changing-store.js";

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

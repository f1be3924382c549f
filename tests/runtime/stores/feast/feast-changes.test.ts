// A snapshot updated by changed pages equals a full read of the store, after any writes and deletes.
import { cpSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, describe, expect, test, vi } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { keyEncoder, keyPrefix } from "#formats/feast/feast-key.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { answerFrom, type Held, hold, holdChanges } from "#runtime/stores/feast/held-snapshot.js";
import type { TableState } from "#runtime/stores/feast/snapshot-changes.js";
import type { SnapshotOrder } from "#runtime/stores/feast/snapshot-form.js";
import { replyTo } from "#runtime/stores/feast/snapshot-reply.js";
import { openSnapshotStore } from "#runtime/stores/feast/snapshot-store.js";
import type { FeatureColumn } from "#runtime/stores/feast/store.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import { scalars } from "../../../operators/step.js";

const FEATURES = [
  { name: "count", type: "INT64" },
  { name: "price", type: "DOUBLE" },
  { name: "brand", type: "STRING" },
  { name: "recent", type: "INT64_LIST" },
  { name: "words", type: "STRING_LIST" },
] as const;
const ENTITIES = 300;
const MOST = ENTITIES + 60;
const JOINS = [
  { name: "item_id", type: "INT64" },
  { name: "shop", type: "STRING" },
] as const;
const encodeKey = keyEncoder(JOINS, 3);
const shopOf = (i: number) => `shop ${i % 7}`;
const keyOf = (i: number) => encodeKey([BigInt(i), shopOf(i)]);
const cellOf = (feature: (typeof FEATURES)[number], x: number) => {
  const texts = (n: number) => "ab".repeat(n % 40);
  const values = {
    INT64: BigInt(x),
    DOUBLE: x / 8,
    STRING: texts(x),
    INT64_LIST: Array(x % 5).fill(BigInt(x)),
    STRING_LIST: Array(x % 3).fill(texts(x)),
  };
  return encodeValue(feature.type, x % 11 === 10 ? null : values[feature.type]);
};

const folder = mkdtempSync(join(tmpdir(), "merlon-changes-"));
afterAll(() => rmSync(folder, { recursive: true }));
let stores = 0;

/** A store of small pages, so that few rows are on each. */
function makeStore(): {
  readonly file: string;
  readonly order: (features: number, eventTimes: boolean) => SnapshotOrder;
} {
  const at = join(folder, String(stores++));
  template ??= makeTemplate();
  cpSync(template, at, { recursive: true });
  const repository = readFeastRepository(at);
  const view = findView(repository.registry, "v")!;
  const file = join(at, STORE);
  const order = (features: number, eventTimes: boolean): SnapshotOrder => ({
    file,
    keyVersion: repository.keyVersion,
    reads: [{ view, features: view.features.slice(0, features) }],
    options: { bytes: "utf8", eventTimes },
    limit: 2 ** 28,
  });
  return { file, order };
}

const STORE = "data/online_store.db";
/** A repository that stores begin as copies of. */
let template: string | undefined;

function makeTemplate(): string {
  const at = join(folder, "template");
  const all = Array.from({ length: ENTITIES }, (_, i) => i);
  writeFeastRepository(at, {
    project: "p",
    timestamp: 1_700_000_000,
    entities: JOINS.map(({ name, type }) => ({ name, joinKey: name, type })),
    views: [
      {
        name: "v",
        entities: ["item_id", "shop"],
        source: { name: "s", path: "s.parquet", timestampField: "event" },
        features: FEATURES,
        rows: {
          item_id: all.map(BigInt),
          shop: all.map(shopOf),
          count: all.map(BigInt),
          price: all.map(i => i / 2),
          brand: all.map(i => `brand ${i}`),
          recent: all.map(i => [BigInt(i), 1n]),
          words: all.map(i => ["x", `y ${i}`]),
        },
      },
    ],
  });
  write(join(at, STORE), db => db.exec("PRAGMA page_size = 512; VACUUM"));
  return at;
}

/** A store with this number of entities and one text, in a file that a thread reads. */
function makeLargeStore(count: number): string {
  const at = join(folder, String(stores++));
  const all = Array.from({ length: count }, (_, i) => i);
  writeFeastRepository(at, {
    project: "p",
    timestamp: 1_700_000_000,
    entities: [{ name: "item", joinKey: "item_id", type: "INT64" }],
    views: [
      {
        name: "v",
        entities: ["item"],
        source: { name: "s", path: "s.parquet", timestampField: "event" },
        features: [{ name: "text", type: "STRING" }],
        rows: { item_id: all.map(BigInt), text: all.map(i => `${i} ${"x".repeat(200)}`) },
      },
    ],
  });
  return at;
}

function write(file: string, work: (db: Database.Database) => void): void {
  const db = new Database(file);
  try {
    // Nothing here ends before its bytes are on the disk.
    db.pragma("synchronous = OFF");
    work(db);
  } finally {
    db.close();
  }
}

function takeAll(order: SnapshotOrder): Held {
  const reply = replyTo({ orders: [order], follow: true });
  if (!("taken" in reply)) throw new Error("all was to be read");
  return hold(order, reply.taken[0]!);
}

/** The snapshot after a change, and the way it was found. */
function follow(
  order: SnapshotOrder,
  before: Held,
): { readonly held: Held; readonly how: "changes" | "counted" | "all" } {
  const reply = replyTo({ orders: [order], follow: true, before: [before.tables as TableState[]] });
  if ("taken" in reply) return { held: hold(order, reply.taken[0]!), how: "all" };
  const held = holdChanges(order, before, reply.changes[0]!);
  return held ? { held, how: "changes" } : { held: takeAll(order), how: "counted" };
}

/** Answers about every entity that there is or was, and one that never was; values of missing ones are of no meaning. */
function answers(order: SnapshotOrder, held: Held) {
  const ids = Array.from({ length: MOST + 1 }, (_, i) => i);
  const keys = new Map([
    ["item_id", scalars("int64", ids.map(BigInt))],
    ["shop", scalars("string", ids.map(shopOf))],
  ]);
  const plain = ({ values, offsets, status, eventSeconds, whole }: FeatureColumn) => ({
    values: ids.map(i =>
      status[i] !== 1
        ? null
        : offsets
          ? Array.from(values.slice(offsets[i], offsets[i + 1]) as Iterable<unknown>)
          : values[i],
    ),
    lengths: offsets && ids.map(i => offsets[i + 1]! - offsets[i]!),
    status: [...status],
    times: eventSeconds && [...eventSeconds],
    whole,
  });
  return answerFrom(order.reads, held)(keys, ids.length).map(plain);
}

const TABLE = "p_v";
const upsert = (db: Database.Database, i: number, f: number, x: number, time: number) =>
  db
    .prepare(
      `INSERT INTO ${TABLE} (entity_key, feature_name, value, event_ts) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, event_ts = excluded.event_ts`,
    )
    .run(keyOf(i), FEATURES[f]!.name, cellOf(FEATURES[f]!, x), time);

type Write = (db: Database.Database) => void;
const entity = fc.nat(MOST - 1);
const known = fc.nat(ENTITIES - 1);
const feature = fc.nat(FEATURES.length - 1);
/** Rows that are there get other values; their places and keys stay. */
const update: fc.Arbitrary<Write> = fc.tuple(known, feature, fc.nat(1000), fc.nat(1)).map(
  ([i, f, x, time]) =>
    db =>
      upsert(db, i, f, x, 1_700_000_000 + time),
);
const anyWrite: fc.Arbitrary<Write> = fc.oneof(
  { weight: 4, arbitrary: update },
  {
    weight: 3,
    arbitrary: fc.tuple(entity, feature, fc.nat(1000)).map(
      ([i, f, x]) =>
        (db: Database.Database) =>
          void upsert(db, i, f, x, 5),
    ),
  },
  entity.map(
    i => (db: Database.Database) => void db.prepare(`DELETE FROM ${TABLE} WHERE entity_key = ?`).run(keyOf(i)),
  ),
  fc.tuple(entity, feature).map(
    ([i, f]) =>
      (db: Database.Database) =>
        void db
          .prepare(`DELETE FROM ${TABLE} WHERE entity_key = ? AND feature_name = ?`)
          .run(keyOf(i), FEATURES[f]!.name),
  ),
  // The last row is deleted and another takes its place, under the same rowid.
  fc.tuple(entity, feature).map(([i, f]) => (db: Database.Database) => {
    db.exec(`DELETE FROM ${TABLE} WHERE rowid = (SELECT max(rowid) FROM ${TABLE})`);
    upsert(db, i, f, 3, 5);
  }),
  fc.tuple(entity, entity).map(
    ([i, j]) =>
      (db: Database.Database) =>
        void db.prepare(`UPDATE OR IGNORE ${TABLE} SET entity_key = ? WHERE entity_key = ?`).run(keyOf(i), keyOf(j)),
  ),
  fc.tuple(entity, feature).map(
    ([i, f]) =>
      (db: Database.Database) =>
        void db
          .prepare(`UPDATE OR IGNORE ${TABLE} SET feature_name = 'other' WHERE entity_key = ? AND feature_name = ?`)
          .run(keyOf(i), FEATURES[f]!.name),
  ),
  fc.tuple(entity, fc.nat(3000)).map(
    ([i, n]) =>
      (db: Database.Database) =>
        void db
          .prepare(`UPDATE ${TABLE} SET value = ? WHERE entity_key = ? AND feature_name = 'brand'`)
          .run(encodeValue("STRING", "z".repeat(n)), keyOf(i)),
  ),
  fc.tuple(entity, fc.nat(400)).map(
    ([i, n]) =>
      (db: Database.Database) =>
        void db
          .prepare(`UPDATE ${TABLE} SET value = ? WHERE entity_key = ? AND feature_name = 'recent'`)
          .run(encodeValue("INT64_LIST", Array(n).fill(7n)), keyOf(i)),
  ),
  { weight: 1, arbitrary: fc.constant((db: Database.Database) => void db.exec("VACUUM")) },
  fc.constant((db: Database.Database) => void db.pragma("journal_mode = WAL")),
);

describe.each([
  { features: 5, eventTimes: true },
  { features: 3, eventTimes: false },
])("$features features, event times $eventTimes", ({ features, eventTimes }) => {
  test("any writes", () => {
    const how = { changes: 0, counted: 0, all: 0 };
    fc.assert(
      fc.property(
        fc.array(fc.array(anyWrite, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        batches => {
          const store = makeStore();
          const order = store.order(features, eventTimes);
          let held = takeAll(order);
          for (const batch of batches) {
            write(store.file, db => {
              for (const one of batch) one(db);
            });
            const next = follow(order, held);
            how[next.how]++;
            held = next.held;
            expect(answers(order, held)).toEqual(answers(order, takeAll(order)));
          }
        },
      ),
      // Reading all anew is rare: with 25 runs one test in fifteen had none.
      { numRuns: 80 },
    );
    // Each way was taken.
    expect(Math.min(...Object.values(how))).toBeGreaterThan(0);
  }, 120_000);

  test("updates are found by their pages", () => {
    fc.assert(
      fc.property(fc.array(update, { minLength: 1, maxLength: 6 }), batch => {
        const store = makeStore();
        const order = store.order(features, eventTimes);
        const before = takeAll(order);
        const then = answers(order, before);
        write(store.file, db => {
          for (const one of batch) one(db);
        });
        const { held, how } = follow(order, before);
        expect(how).toBe("changes");
        expect(answers(order, held)).toEqual(answers(order, takeAll(order)));
        // A run that began before continues with its snapshot.
        expect(answers(order, before)).toEqual(then);
      }),
      { numRuns: 15 },
    );
  }, 120_000);
});

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
  // The same integer in 4 bytes.
  const at = keyPrefix(["item_id", "shop"], 3).length;
  const size = Uint8Array.of(4, 0, 0, 0);
  const short = [wide.subarray(0, at + 4), size, wide.subarray(at + 8, at + 12), wide.subarray(at + 16)];
  insert(Buffer.concat(short), "price", encodeValue("DOUBLE", 0.5));
  const { held, how } = follow(order, before);
  expect(how).toBe("counted");
  expect(answers(order, held)).toEqual(answers(order, takeAll(order)));
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

test("a served store follows writes and deletes, and a run continues with its snapshot", async () => {
  const at = makeLargeStore(12_000);
  const repository = readFeastRepository(at);
  const view = findView(repository.registry, "v")!;
  const file = join(at, "data/online_store.db");
  expect(statSync(file).size).toBeGreaterThan(4 << 20);
  const key = keyEncoder([{ name: "item_id", type: "INT64" }], repository.keyVersion);
  const set = (id: bigint, text: string) => (db: Database.Database) =>
    db
      .prepare(
        `INSERT INTO ${TABLE} (entity_key, feature_name, value) VALUES (?, 'text', ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
      )
      .run(key([id]), encodeValue("STRING", text));
  const store = openSnapshotStore(file, repository.keyVersion, 2 ** 28);
  const reader = await store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
  const ids = [7n, 11_999n, 20_000n];
  const ask = async (run?: Map<object, unknown>) => {
    const keys = new Map([["item_id", scalars("int64", ids)]]);
    const [found] = await reader.getOnline(keys, ids.length, undefined, run);
    return ids.map((_, i) => (found!.status[i] === 1 ? (found!.values[i] as string).slice(0, 5) : null));
  };
  const run = new Map<object, unknown>();
  const first = ["7 xxx", "11999", null];
  expect(await ask(run)).toEqual(first);
  write(file, db => {
    set(7n, "seven")(db);
    set(20_000n, "new")(db);
  });
  await vi.waitFor(async () => expect(await ask()).toEqual(["seven", "11999", "new"]), {
    timeout: 60_000,
    interval: 50,
  });
  expect(await ask(run)).toEqual(first);
  // The first change is read with the pages of the table, the second by them.
  write(file, set(7n, "again"));
  await vi.waitFor(async () => expect(await ask()).toEqual(["again", "11999", "new"]), {
    timeout: 60_000,
    interval: 50,
  });
  write(file, db => db.prepare(`DELETE FROM ${TABLE} WHERE entity_key = ?`).run(key([11_999n])));
  await vi.waitFor(async () => expect(await ask()).toEqual(["again", null, "new"]), { timeout: 60_000, interval: 50 });
  expect(await ask(run)).toEqual(first);
  await store.close();
}, 150_000);

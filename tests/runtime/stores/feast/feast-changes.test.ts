// A snapshot updated by changed pages equals a full read of the store, after any writes and deletes.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, describe, expect, test, vi } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { keyEncoder } from "#formats/feast/feast-key.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { openSnapshotStore } from "#runtime/stores/feast/snapshot-store.js";
import { scalars } from "../../../operators/step.js";
import {
  answers,
  ENTITIES,
  FEATURES,
  follow,
  keyOf,
  MOST,
  makeStore,
  TABLE,
  takeAll,
  upsert,
  write,
} from "./changing-store.js";
import { manyRows, writeOneView } from "./one-view.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-changes-"));
afterAll(() => rmSync(folder, { recursive: true }));

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
});

test("a served store follows writes and deletes, and a run continues with its snapshot", async () => {
  const at = join(folder, "large");
  writeOneView(at, manyRows(12_000));
  const repository = readFeastRepository(at);
  const view = findView(repository.registry, "v")!;
  const file = join(at, "data/online_store.db");
  expect(statSync(file).size).toBeGreaterThan(4 << 20);
  const key = keyEncoder([{ name: "id", type: "INT64" }], repository.keyVersion);
  const set = (id: bigint, text: string) => (db: Database.Database) =>
    db
      .prepare(
        `INSERT INTO ${TABLE} (entity_key, feature_name, value) VALUES (?, 's', ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
      )
      .run(key([id]), encodeValue("STRING", text));
  const store = openSnapshotStore(file, repository.keyVersion, 2 ** 28);
  const reader = await store.prepare([{ view, features: view.features.slice(1) }], {
    bytes: "utf8",
    eventTimes: false,
  });
  const ids = [7n, 11_999n, 20_000n];
  const ask = async (run?: Map<object, unknown>) => {
    const keys = new Map([["id", scalars("int64", ids)]]);
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

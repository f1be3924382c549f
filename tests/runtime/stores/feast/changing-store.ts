/** SQLite online stores of many small pages that change, and the snapshots of them. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { keyEncoder } from "#formats/feast/feast-key.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { answerFrom, type Held, hold, holdChanges } from "#runtime/stores/feast/held-snapshot.js";
import type { TableState } from "#runtime/stores/feast/snapshot-changes.js";
import type { SnapshotOrder } from "#runtime/stores/feast/snapshot-form.js";
import { replyTo } from "#runtime/stores/feast/snapshot-reply.js";
import type { FeatureColumn } from "#runtime/stores/feast/store.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import { scalars } from "../../../operators/step.js";

export const FEATURES = [
  { name: "count", type: "INT64" },
  { name: "price", type: "DOUBLE" },
  { name: "brand", type: "STRING" },
  { name: "recent", type: "INT64_LIST" },
  { name: "words", type: "STRING_LIST" },
] as const;
export const ENTITIES = 300;
export const MOST = ENTITIES + 60;
const JOINS = [
  { name: "item_id", type: "INT64" },
  { name: "shop", type: "STRING" },
] as const;
const encodeKey = keyEncoder(JOINS, 3);
const shopOf = (i: number) => `shop ${i % 7}`;
export const keyOf = (i: number) => encodeKey([BigInt(i), shopOf(i)]);
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
export function makeStore(): {
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

export function write(file: string, work: (db: Database.Database) => void): void {
  const db = new Database(file);
  try {
    // Nothing here ends before its bytes are on the disk.
    db.pragma("synchronous = OFF");
    work(db);
  } finally {
    db.close();
  }
}

export function takeAll(order: SnapshotOrder): Held {
  const reply = replyTo({ orders: [order], follow: true });
  if (!("taken" in reply)) throw new Error("all was to be read");
  return hold(order, reply.taken[0]!);
}

/** The snapshot after a change, and the way it was found. */
export function follow(
  order: SnapshotOrder,
  before: Held,
): { readonly held: Held; readonly how: "changes" | "counted" | "all" } {
  const reply = replyTo({ orders: [order], follow: true, before: [before.tables as TableState[]] });
  if ("taken" in reply) return { held: hold(order, reply.taken[0]!), how: "all" };
  const held = holdChanges(order, before, reply.changes[0]!);
  return held ? { held, how: "changes" } : { held: takeAll(order), how: "counted" };
}

/** Answers about every entity that there is or was, and one that never was; values of missing ones are of no meaning. */
export function answers(order: SnapshotOrder, held: Held) {
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

export const TABLE = "p_v";
export const upsert = (db: Database.Database, i: number, f: number, x: number, time: number) =>
  db
    .prepare(
      `INSERT INTO ${TABLE} (entity_key, feature_name, value, event_ts) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, event_ts = excluded.event_ts`,
    )
    .run(keyOf(i), FEATURES[f]!.name, cellOf(FEATURES[f]!, x), time);

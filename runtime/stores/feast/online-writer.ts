/**
 * Rows of a view → an online store, in Feast's bytes: SQLite in one transaction, Redis in pipelines.
 */

import { statSync } from "node:fs";
import type Database from "better-sqlite3";
import { bytesField, message, varintField } from "../../../formats/bytes/wire-writer.js";
import { encodeValue, type FeastScalar } from "../../../formats/feast/encode-feast-value.js";
import { type KeyPart, keyEncoder } from "../../../formats/feast/feast-key.js";
import { addressOf } from "../../../formats/feast/feast-online-store.js";
import type { FeastView } from "../../../formats/feast/feast-registry.js";
import type { FeastRepository } from "../../../formats/feast/feast-repository.js";
import { sqlite } from "../../../formats/feast/open-sqlite.js";
import { hasLog, removeCheck, writeCheck } from "../../../formats/feast/store-check.js";
import { quoteName } from "../../../formats/sqlite/quote-sql.js";
import { RuntimeFault, unsupported } from "../../base/errors.js";
import type { RedisCommand } from "../redis-commands.js";
import { timestampSeconds } from "./event-time.js";
import { featureField, hashNamer, timeField } from "./redis-form.js";
import { checkStore, LARGEST_CHECKED } from "./sqlite-store.js";
import { valueText } from "./value-text.js";
import { tableStatements } from "./write-repository.js";

export interface OnlineRow {
  /** In the order of the view's join keys. */
  readonly key: readonly KeyPart[];
  /** In the order of the view's features. */
  readonly values: readonly (FeastScalar | readonly FeastScalar[] | null)[];
  /** Event time, and when the row was made where that is known: microseconds since 1970. */
  readonly eventMicros: bigint;
  readonly createdMicros: bigint | null;
}

export interface OnlineWriter {
  /** @returns the number of rows that were written. Redis keeps a row that is as new as the given one. */
  write(rows: readonly OnlineRow[]): Promise<number>;
  /** Makes what was written last; without it a SQLite store stays as it was. */
  finish(): void;
  close(): Promise<void>;
}

const REDIS_TIMEOUT_MS = 30_000;
/** For another process that is writing a SQLite store. */
const WAIT_MS = 5000;

/** @throws RuntimeFault naming the store */
export async function openOnlineWriter(repository: FeastRepository, view: FeastView): Promise<OnlineWriter> {
  const { onlineStore } = repository;
  if (onlineStore.type === "sqlite") return sqliteWriter(onlineStore.file, repository, view);
  if (onlineStore.type === "redis") return redisWriter(repository, view);
  throw unsupported(
    `the online store of this repository is the feature server at ${addressOf(onlineStore)}. Materialize where the server's own store is named.`,
  );
}

const seconds = (micros: bigint): bigint => micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n);

function sqliteWriter(file: string, { keyVersion }: FeastRepository, view: FeastView): OnlineWriter {
  const db = openToWrite(file);
  const found = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(view.table);
  if (!found) for (const statement of tableStatements(view.table)) db.exec(statement);
  const columns = db.prepare("SELECT name FROM pragma_table_info(?)").pluck().all(view.table);
  // Feast before value_text reads times as text alone.
  const current = columns.includes("value_text");
  const time = (micros: bigint) =>
    current
      ? seconds(micros)
      : new Date(Number(micros / 1000n))
          .toISOString()
          .replace("T", " ")
          .replace(/(\.000)?Z$/, "");
  const names = ["entity_key", "feature_name", "value", ...(current ? ["value_text"] : []), "event_ts", "created_ts"];
  const updates = names.slice(2).map(name => `${name} = excluded.${name}`);
  const insert = db.prepare(
    `INSERT INTO ${quoteName(view.table)} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")}) ON CONFLICT(entity_key, feature_name) DO UPDATE SET ${updates.join(", ")}`,
  );
  const encode = keyEncoder(view.joinKeys, keyVersion);
  return {
    write: async rows => {
      for (const { key, values, eventMicros, createdMicros } of rows) {
        const entity = encode(key);
        const times = [time(eventMicros), createdMicros === null ? null : time(createdMicros)];
        view.features.forEach(({ name, type }, f) => {
          const text = current ? [valueText(type!, values[f]!)] : [];
          insert.run(entity, name, encodeValue(type!, values[f]!), ...text, ...times);
        });
      }
      return rows.length;
    },
    finish: () => {
      db.exec("COMMIT");
      renewCheck(db, file);
    },
    close: async () => {
      if (db.inTransaction) db.exec("ROLLBACK");
      db.close();
    },
  };
}

/** @throws RuntimeFault for a store that is damaged: its other views must not get a new check */
function openToWrite(file: string): Database.Database {
  const db = new (sqlite())(file, { timeout: WAIT_MS });
  try {
    // Rolls back what a killed writer left.
    db.exec("BEGIN IMMEDIATE");
    if (db.prepare("SELECT count(*) FROM sqlite_master").pluck().get() !== 0) checkStore(db, file);
    return db;
  } catch (error) {
    db.close();
    throw RuntimeFault.from(error, `the online store ${file} cannot be written: ${(error as Error).message}`);
  }
}

/** After the commit: until then, and after a kill in between, the old check is of an earlier change counter. */
function renewCheck(db: Database.Database, file: string): void {
  db.transaction(() => {
    const bytes = statSync(file).size <= LARGEST_CHECKED ? db.serialize() : undefined;
    if (bytes && !hasLog(bytes)) writeCheck(file, bytes);
    else removeCheck(file);
  })();
}

async function redisWriter(
  { project, keyVersion, onlineStore }: FeastRepository,
  view: FeastView,
): Promise<OnlineWriter> {
  if (onlineStore.type !== "redis") throw new Error("not a Redis store");
  // Its package is optional.
  const { connectRedis } = await import("./redis-connection.js");
  const connection = await connectRedis(onlineStore, REDIS_TIMEOUT_MS);
  const encode = keyEncoder(view.joinKeys, keyVersion);
  const nameOf = hashNamer(project);
  const fields = view.features.map(feature => featureField(view.storeName, feature.name));
  const time = timeField(view.storeName);
  const { keyTtlSeconds } = onlineStore;
  return {
    write: async rows => {
      const keys = rows.map(row => nameOf(encode(row.key)));
      const before = (await connection.send(keys.map((key): RedisCommand => ["HGET", key, time]))) as (Buffer | null)[];
      // As Feast: what is as new stays.
      const newer = rows.flatMap((row, i) =>
        before[i] && timestampSeconds(before[i]) >= Number(row.eventMicros) / 1e6 ? [] : [i],
      );
      await connection.send(
        newer.flatMap((i): RedisCommand[] => {
          const { values, eventMicros } = rows[i]!;
          const set = view.features.flatMap(({ type }, f) => [fields[f]!, Buffer.from(encodeValue(type!, values[f]!))]);
          return [
            ["HSET", keys[i]!, time, timestamp(eventMicros), ...set],
            ...(keyTtlSeconds === null ? [] : [["EXPIRE", keys[i]!, keyTtlSeconds] as const]),
          ];
        }),
      );
      return newer.length;
    },
    finish: () => {},
    close: () => connection.close(),
  };
}

/** `google.protobuf.Timestamp`. */
function timestamp(micros: bigint): Buffer {
  const whole = seconds(micros);
  const nanos = (micros - whole * 1_000_000n) * 1000n;
  return Buffer.from(message(varintField(1, whole), varintField(2, nanos), bytesField(3, new Uint8Array(0))));
}

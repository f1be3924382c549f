/**
 * One view of a SQLite online store → columns over all of its entities, in memory, for as long as the file stays as it is.
 */
import { isUtf8 } from "node:buffer";
import { type KeyPart, type KeyVersion, keyDecoder, keyPrefix, startsWith } from "../../../formats/feast/feast-key.js";
import { feastType } from "../../../formats/feast/feast-type.js";
import { quoteName } from "../../../formats/sqlite/quote-sql.js";
import { rootRows } from "../../base/columns/table.js";
import { columnBuilder, valueBytes } from "./build-column.js";
import { describeKey, keyColumns } from "./key-column.js";
import { onlyFeatures, readCells } from "./packed-cells.js";
import type { Snapshot, SnapshotOrder, ViewSnapshot } from "./snapshot-form.js";
import { checkKeys, checkStore, checkTable, openDatabase } from "./sqlite-store.js";
import type { ReadOptions, ViewRead } from "./store.js";

/**
 * @returns one snapshot per view; undefined when they would take more than the limit
 * @throws RuntimeFault naming file, table or value
 */
export const takeSnapshot = (order: SnapshotOrder): readonly ViewSnapshot[] | undefined =>
  inStore([order], db => takeSnapshots(db, [order]))[0]?.views;

/** The result of `read` for some orders, consistent at one moment. @throws RuntimeFault naming file or table */
export function inStore<T>(orders: readonly SnapshotOrder[], read: (db: Database) => T): T {
  const { file } = orders[0]!;
  const db = openDatabase(file);
  try {
    return db.transaction(() => {
      checkStore(db, file);
      for (const { reads, keyVersion } of orders)
        for (const { view } of reads) {
          checkTable(db, file, view);
          checkKeys(db, file, view, keyVersion);
        }
      return read(db);
    })();
  } finally {
    db.close();
  }
}

/** One for each order; undefined where it would take more than its limit. */
export const takeSnapshots = (db: Database, orders: readonly SnapshotOrder[]): readonly (Snapshot | undefined)[] =>
  orders.map(({ keyVersion, reads, options, limit }) => {
    const bytes = reads.reduce((sum, read) => sum + estimate(db, read), 0);
    if (bytes > limit) return undefined;
    return { views: reads.map(read => takeView(db, keyVersion, read, options)!), bytes };
  });

export type Database = ReturnType<typeof openDatabase>;

/** @param only of these keys */
export function estimate(db: Database, { view, features }: ViewRead, only?: readonly Uint8Array[]): number {
  const select = `SELECT count(*), sum(length(value)), sum(length(entity_key)) FROM ${quoteName(view.table)}`;
  const some = onlyFeatures(view, features, "feature_name");
  type Sizes = [number, number | null, number | null];
  const text = features.some(f => feastType(f.type!).dtype === "string");
  const sizeOf = ([cells, bytes, keyBytes]: Sizes) => bytesOf(cells, bytes ?? 0, keyBytes ?? 0, text);
  if (!only) return sizeOf(db.prepare<[], Sizes>(`${select} WHERE true${some}`).raw().get()!);
  const one = db.prepare<[Uint8Array], Sizes>(`${select} WHERE entity_key = ?${some}`).raw();
  return only.reduce((sum, key) => sum + sizeOf(one.get(key)!), 0);
}

/** Text takes two bytes a character and some forty for each string; the rest is about what the store keeps. */
const bytesOf = (cells: number, bytes: number, keyBytes: number, text: boolean): number =>
  cells * (text ? 50 : 10) + bytes * (text ? 3 : 1.5) + keyBytes;

/**
 * @param only entities of these keys, in their order, whether the store has them or not
 * @returns undefined where one of them is none of the view's join keys
 */
export function takeView(
  db: Database,
  version: KeyVersion,
  { view, features }: ViewRead,
  options: ReadOptions,
  only?: readonly Uint8Array[],
): ViewSnapshot | undefined {
  const table = quoteName(view.table);
  const prefix = keyPrefix(
    view.joinKeys.map(join => join.name),
    version,
  );
  const some = onlyFeatures(view, features, "feature_name");
  const decode = keyDecoder(view.joinKeys, prefix.length);
  const stored =
    only ??
    db
      .prepare<[], Uint8Array>(`SELECT DISTINCT entity_key FROM ${table} WHERE true${some} ORDER BY entity_key`)
      .pluck()
      .all();
  let counted = 0;
  // Per stored key its row, or -1 where it is none of these join keys.
  const places = new Int32Array(stored.length);
  const parts = stored.flatMap((key, i) => {
    const found = startsWith(key, prefix) ? decode(key) : undefined;
    places[i] = found ? counted++ : -1;
    return found ? [found] : [];
  });
  if (only && counted < only.length) return undefined;
  const keyFrame = frameOf(
    stored.filter((_, i) => places[i]! >= 0),
    parts,
    options,
  );
  const keys = keyColumns(view.joinKeys, parts, rootRows(parts.length), options.bytes);
  const built = features.map(feature => columnBuilder(view, feature, parts.length + 1, options));
  let place = 0;
  const describe = () => describeKey(view.joinKeys, keys, place);
  const take: Parameters<typeof readCells>[4] = (row, feature, value, seconds) => {
    place = places[row]!;
    if (place >= 0) built[feature]!.add(place, valueBytes(value), describe, seconds);
  };
  readCells(db, view, features, options.eventTimes, take, only);
  return { keys, features: built.map(builder => builder.finish()), ...(keyFrame !== undefined && { keyFrame }) };
}

/** See `keyFrame`. A text that is not UTF-8 could be that of two keys. */
function frameOf(
  stored: readonly Uint8Array[],
  keys: readonly (readonly KeyPart[])[],
  { bytes }: ReadOptions,
): number | undefined {
  let frame: number | undefined;
  for (const [i, parts] of keys.entries()) {
    let own = stored[i]!.length;
    for (const part of parts) {
      if (typeof part !== "string" && !(part instanceof Uint8Array)) continue;
      if (typeof part === "string" ? part.includes("\uFFFD") : bytes === "utf8" && !isUtf8(part)) return undefined;
      own -= Buffer.byteLength(part);
    }
    frame ??= own;
    if (own !== frame) return undefined;
  }
  return frame;
}

/**
 * One view of a SQLite online store → columns over all of its entities, in memory, for as long as the file stays as it is.
 */
import { type KeyVersion, keyDecoder, keyPrefix, startsWith } from "../../../formats/feast/feast-key.js";
import { feastType } from "../../../formats/feast/feast-type.js";
import { type Column, rootRows } from "../../base/columns/table.js";
import { columnBuilder, valueBytes } from "./build-column.js";
import { describeKey, keyColumns } from "./key-column.js";
import { onlyFeatures, quoteName, readCells } from "./packed-cells.js";
import { checkKeys, checkStore, checkTable, openDatabase } from "./sqlite-store.js";
import type { FeatureColumn, ReadOptions, ViewRead } from "./store.js";

export interface ViewSnapshot {
  /** One column per join key of the view; entity i has row i. */
  readonly keys: readonly Column[];
  /** One more row than there are entities: the last is that of an unknown one. */
  readonly features: readonly FeatureColumn[];
}

/** What a snapshot is made of; it travels to the thread that makes one. */
export interface SnapshotOrder {
  readonly file: string;
  readonly keyVersion: KeyVersion;
  readonly reads: readonly ViewRead[];
  readonly options: ReadOptions;
  /** Bytes that the snapshot may take, all views together. */
  readonly limit: number;
}

/**
 * @returns one snapshot per view; undefined when they would take more than the limit
 * @throws RuntimeFault naming file, table or value
 */
export const takeSnapshot = (order: SnapshotOrder): ViewSnapshot[] | undefined => takeSnapshots([order])[0];

/** The same for several readers of one file, all as it was at one moment. */
export function takeSnapshots(orders: readonly SnapshotOrder[]): (ViewSnapshot[] | undefined)[] {
  const { file, keyVersion } = orders[0]!;
  const db = openDatabase(file);
  try {
    return db.transaction(() => {
      checkStore(db, file);
      return orders.map(({ reads, options, limit }) => {
        for (const { view } of reads) {
          checkTable(db, file, view);
          checkKeys(db, file, view, keyVersion);
        }
        const size = reads.reduce((bytes, read) => bytes + estimate(db, read), 0);
        return size > limit ? undefined : reads.map(read => takeView(db, keyVersion, read, options));
      });
    })();
  } finally {
    db.close();
  }
}

type Database = ReturnType<typeof openDatabase>;

/** Text takes two bytes a character and some forty for each string; the rest is about what the store keeps. */
function estimate(db: Database, { view, features }: ViewRead): number {
  const table = quoteName(view.table);
  const [cells, bytes, keyBytes] = db
    .prepare<[], [number, number | null, number | null]>(
      `SELECT count(*), sum(length(value)), sum(length(entity_key)) FROM ${table} WHERE true${onlyFeatures(view, features, "feature_name")}`,
    )
    .raw()
    .get()!;
  const text = features.some(f => feastType(f.type!).dtype === "string");
  return cells * (text ? 50 : 10) + (bytes ?? 0) * (text ? 3 : 1.5) + (keyBytes ?? 0);
}

function takeView(db: Database, version: KeyVersion, { view, features }: ViewRead, options: ReadOptions): ViewSnapshot {
  const table = quoteName(view.table);
  const prefix = keyPrefix(
    view.joinKeys.map(join => join.name),
    version,
  );
  const some = onlyFeatures(view, features, "feature_name");
  const decode = keyDecoder(view.joinKeys, prefix.length);
  const stored = db
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
  const keys = keyColumns(view.joinKeys, parts, rootRows(parts.length), options.bytes);
  const built = features.map(feature => columnBuilder(view, feature, parts.length + 1, options));
  let place = 0;
  const describe = () => describeKey(view.joinKeys, keys, place);
  readCells(db, view, features, options.eventTimes, (row, feature, value, seconds) => {
    place = places[row]!;
    if (place >= 0) built[feature]!.add(place, valueBytes(value), describe, seconds);
  });
  return { keys, features: built.map(builder => builder.finish()) };
}

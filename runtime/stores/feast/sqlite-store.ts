/**
 * Feast's SQLite online store, opened for reading: one statement per view and request, which gives back the place of each key with its values.
 */
import Database from "better-sqlite3";
import type { KeyVersion } from "../../../triton-protos/artefacts/feast-key.js";
import type { FeastFeature, FeastView } from "../../../triton-protos/artefacts/feast-registry.js";
import { RuntimeFault } from "../../errors.js";
import type { Column } from "../../plan/table.js";
import { columnBuilder, valueBytes } from "./build-column.js";
import { eventSeconds } from "./event-time.js";
import { describeKey, keyColumnsEncoder } from "./key-column.js";
import type { FeatureColumn, FeatureStore, ReadOptions, ViewRead } from "./store.js";

/** Keys of one statement; more are read in several. */
const MAX_KEYS = 256;

/** @throws RuntimeFault naming the file */
export function openSqliteStore(file: string, keyVersion: KeyVersion): FeatureStore {
  const db = openDatabase(file);
  return {
    prepare: (reads, options) => {
      const readers = reads.map(read => viewReader(db, file, keyVersion, read, options));
      return {
        getOnline: (keys, count) => {
          try {
            return readers.flatMap(reader => reader(keys, count));
          } catch (error) {
            throw unreadable(file, error);
          }
        },
      };
    },
    close: () => {
      db.close();
    },
  };
}

/** What SQLite says of a file that was changed, cut or locked while it was open. */
const unreadable = (file: string, error: unknown): RuntimeFault =>
  error instanceof RuntimeFault
    ? error
    : new RuntimeFault(
        "UNAVAILABLE",
        `the online store ${file} can not be read any more: ${(error as Error).message}. Materialize it again with Feast, then load the model again.`,
        { cause: error },
      );

/** Opened for reading, distrusted. @throws RuntimeFault naming the file */
export function openDatabase(file: string): Database.Database {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true });
    db.pragma("trusted_schema = OFF");
    db.pragma("cell_size_check = ON");
    db.prepare("SELECT count(*) FROM sqlite_master").get();
    return db;
  } catch (error) {
    db?.close();
    throw new RuntimeFault(
      "UNAVAILABLE",
      `the online store ${file} can not be opened: ${(error as Error).message}. Materialize it again with Feast.`,
      { cause: error },
    );
  }
}

/** @throws RuntimeFault when the registry's view has no table */
export function checkTable(db: Database.Database, file: string, view: FeastView): void {
  const found = db.prepare("SELECT type FROM sqlite_master WHERE name = ?").get(view.table) as
    | { type: string }
    | undefined;
  if (found?.type !== "table")
    throw new RuntimeFault(
      "NOT_FOUND",
      `the online store ${file} has no table \`${view.table}\` for the view \`${view.name}\`. Run \`feast materialize\` for it.`,
    );
  const columns = db.prepare("SELECT name FROM pragma_table_info(?)").pluck().all(view.table);
  const missing = ["entity_key", "feature_name", "value", "event_ts"].filter(name => !columns.includes(name));
  if (missing.length > 0)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `table \`${view.table}\` of the online store ${file} has no column ${missing.map(m => `\`${m}\``).join(", ")}: Feast did not make it. Drop it, then run \`feast apply\` and \`feast materialize\`.`,
    );
}

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Narrows a statement to features, where they are not all of the view. */
export const onlyFeatures = (view: FeastView, features: readonly FeastFeature[], column: string): string =>
  features.length < view.features.length
    ? ` AND ${column} IN (${features.map(f => quoteText(f.name)).join(", ")})`
    : "";

type StoredRow = [key: number, feature: string, value: Uint8Array | null, time: unknown];

function viewReader(
  db: Database.Database,
  file: string,
  version: KeyVersion,
  { view, features }: ViewRead,
  options: ReadOptions,
): (keys: ReadonlyMap<string, Column>, count: number) => FeatureColumn[] {
  checkTable(db, file, view);
  const encodeKeys = keyColumnsEncoder(view.joinKeys, version, options.bytes);
  const statements = new Map<number, Database.Statement<unknown[], StoredRow>>();
  const select = (size: number) => {
    let statement = statements.get(size);
    if (!statement) {
      statement = db.prepare<unknown[], StoredRow>(selectText(view, features, size)).raw();
      statements.set(size, statement);
    }
    return statement;
  };
  const indexOf = new Map(features.map((feature, i) => [feature.name, i]));
  return (keys, count) => {
    const columns = view.joinKeys.map(join => keys.get(join.name)!);
    const encoded = encodeKeys(columns);
    const built = features.map(feature => columnBuilder(view, feature, count, options));
    for (let first = 0; first < encoded.length; ) {
      // Few statement sizes: powers of two, the largest that fits.
      const size = Math.min(MAX_KEYS, 2 ** (31 - Math.clz32(encoded.length - first)));
      for (const [place, name, value, time] of select(size).all(...encoded.slice(first, first + size))) {
        const at = indexOf.get(name);
        if (at === undefined) continue;
        const describe = () => describeKey(view.joinKeys, columns, first + place);
        built[at]!.add(first + place, valueBytes(value), describe, options.eventTimes ? eventSeconds(time) : undefined);
      }
      first += size;
    }
    return built.map(builder => builder.finish());
  };
}

/** `CROSS JOIN` keeps the order: keys outside, the table's index inside. */
function selectText(view: FeastView, features: readonly FeastFeature[], keys: number): string {
  const values = Array.from({ length: keys }, (_, i) => `(${i}, ?)`).join(", ");
  const some = onlyFeatures(view, features, "t.feature_name");
  return `WITH k(i, entity_key) AS (VALUES ${values}) SELECT k.i, t.feature_name, t.value, t.event_ts FROM k CROSS JOIN ${quoteName(view.table)} AS t ON t.entity_key = k.entity_key${some}`;
}

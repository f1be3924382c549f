/**
 * Feast's SQLite online store, opened for reading: one statement per view and request, which gives back the place of each key with its values.
 */
import { existsSync, statSync } from "node:fs";
import type Database from "better-sqlite3";
import { askedName, type KeyVersion, keyPrefix, keyVersionOf, startsWith } from "../../../formats/feast/feast-key.js";
import type { FeastView } from "../../../formats/feast/feast-registry.js";
import { needsRecovery, openToRead } from "../../../formats/feast/open-sqlite.js";
import { CHECK_SUFFIX, standsAlone, verifyStore } from "../../../formats/feast/store-check.js";
import { quoteName } from "../../../formats/sqlite/quote-sql.js";
import type { Column } from "../../base/columns/table.js";
import { invalid, RuntimeFault, unavailable } from "../../base/errors.js";
import { packageFault } from "../../base/missing-package.js";
import { columnBuilder, valueBytes } from "./build-column.js";
import { describeKey, keyColumnsEncoder } from "./key-column.js";
import { cellReader, cellsText, MOST_FEATURES, onlyFeatures } from "./packed-cells.js";
import type { FeatureColumn, FeatureStore, ReadOptions, ViewRead } from "./store.js";

/** Keys of one statement; more are read in several. */
const MAX_KEYS = 256;

/** How often a request may make the file be looked at. */
const LOOK_EVERY_MS = 1000;
/** How long a load waits for a process that is writing the file, and a request, which holds up all others meanwhile. */
const WAIT_MS = { load: 1000, request: 50 } as const;

type ViewReader = (keys: ReadonlyMap<string, Column>, count: number) => FeatureColumn[];

/** One opened file: what was written over it under its own name is another one. */
interface Opened {
  readonly db: Database.Database;
  readonly inode: number;
  /** One for each order: all its statements, of all views, at one moment. */
  readonly readers: ViewReader[];
}

/** @throws RuntimeFault naming the file */
export function openSqliteStore(file: string, keyVersion: KeyVersion): FeatureStore {
  const orders: { readonly reads: readonly ViewRead[]; readonly options: ReadOptions }[] = [];
  let looked = performance.now();
  const prepareIn = (db: Database.Database, { reads, options }: (typeof orders)[number]): ViewReader => {
    const views = reads.map(read => viewReader(db, file, keyVersion, read, options));
    return db.transaction<ViewReader>((keys, count) => views.flatMap(reader => reader(keys, count)));
  };
  const open = (waitMs: number): Opened => {
    const inode = inodeOf(file);
    const db = openDatabase(file, waitMs);
    try {
      checkStore(db, file);
      const readers = orders.map(order => prepareIn(db, order));
      db.pragma(`busy_timeout = ${WAIT_MS.request}`);
      return { db, inode, readers };
    } catch (error) {
      db.close();
      throw error;
    }
  };
  let opened = open(WAIT_MS.load);
  let broken = false;
  let warned = false;
  /** Opens a file that has replaced the open one. Until it can be read, the open one answers on. */
  const look = (): void => {
    if (!broken && performance.now() - looked < LOOK_EVERY_MS) return;
    looked = performance.now();
    try {
      if (inodeOf(file) === opened.inode && !broken) return;
      const next = open(WAIT_MS.request);
      opened.db.close();
      opened = next;
      broken = false;
      warned = false;
    } catch (error) {
      if (broken) throw error;
      if (!warned) process.emitWarning(`${(error as Error).message} The file before it is read on.`, "MerlonWarning");
      warned = true;
    }
  };
  return {
    prepare: (reads, options) => {
      const order = { reads, options };
      opened.readers.push(prepareIn(opened.db, order));
      const place = orders.push(order) - 1;
      return {
        getOnline: (keys, count) => {
          try {
            look();
            return opened.readers[place]!(keys, count);
          } catch (error) {
            if (!(error instanceof RuntimeFault) && !isBusy(error)) broken = true;
            throw unreadable(file, error);
          }
        },
      };
    },
    close: () => {
      opened.db.close();
    },
  };
}

const inodeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.ino ?? 0;
const isBusy = (error: unknown): boolean => (error as { code?: string }).code?.startsWith("SQLITE_BUSY") ?? false;

/** The fault for SQLite's error about a file that was changed, truncated or locked while it was open. */
function unreadable(file: string, error: unknown): RuntimeFault {
  if (error instanceof RuntimeFault) return error;
  const way = isBusy(error)
    ? `Another process is writing it: retry, or let the server hold it in memory (\`memoryMb\`).`
    : "Materialize it again with Feast.";
  return unavailable(`the online store ${file} can not be read any more: ${(error as Error).message}. ${way}`, {
    cause: error,
  });
}

/** Opened for reading, distrusted. @param waitMs for a process that is writing it @throws RuntimeFault naming the file */
export function openDatabase(file: string, waitMs: number = WAIT_MS.load): Database.Database {
  try {
    return openToRead(file, waitMs);
  } catch (error) {
    if (packageFault(error) !== undefined) throw RuntimeFault.from(error);
    const way = needsRecovery(error)
      ? "A process that wrote it was killed. Run `merlon feast materialize` again as a user who may write it."
      : isBusy(error)
        ? "Another process is writing it: try again when that is done."
        : "Materialize it again with Feast.";
    throw unavailable(`the online store ${file} can not be opened: ${(error as Error).message}. ${way}`, {
      cause: error,
    });
  }
}

/** Larger ones are not held in memory, and so not compared with their check. */
export const LARGEST_CHECKED = 512 << 20;

/** Compares an open store with its check, if it has one. @param largest bytes @throws RuntimeFault naming file and checksums */
export function checkStore(db: Database.Database, file: string, largest: number = LARGEST_CHECKED): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > largest || !existsSync(`${file}${CHECK_SUFFIX}`)) return;
  try {
    // With a log there are pages that the file does not have.
    if (standsAlone(file)) verifyStore(file, db.serialize());
  } catch (error) {
    throw unavailable((error as Error).message, { cause: error });
  }
}

/** @throws RuntimeFault when the registry's view has no table */
export function checkTable(db: Database.Database, file: string, view: FeastView): void {
  // A table without a page of its own is virtual, and belongs to a program.
  const found = db
    .prepare("SELECT 1 FROM sqlite_master WHERE name = ? AND type = 'table' AND rootpage > 0")
    .get(view.table);
  if (!found)
    throw new RuntimeFault(
      "NOT_FOUND",
      `the online store ${file} has no table \`${view.table}\` for the view \`${view.name}\`. Run \`feast materialize\` for it.`,
    );
  const columns = db.prepare("SELECT name FROM pragma_table_info(?)").pluck().all(view.table);
  const missing = ["entity_key", "feature_name", "value", "event_ts"].filter(name => !columns.includes(name));
  if (missing.length > 0)
    throw invalid(
      `table \`${view.table}\` of the online store ${file} has no column ${missing.map(m => `\`${m}\``).join(", ")}: Feast did not make it. Drop it, then run \`feast apply\` and \`feast materialize\`.`,
    );
}

/** Keys that are looked at for one that can be found. */
const KEYS_LOOKED_AT = 1000;

/** @throws RuntimeFault where the table has keys, and none that could be found */
export function checkKeys(db: Database.Database, file: string, view: FeastView, version: KeyVersion): void {
  const table = quoteName(view.table);
  const prefix = keyPrefix(
    view.joinKeys.map(join => join.name),
    version,
  );
  const like = db
    .prepare<[Uint8Array, number], Uint8Array>(`SELECT entity_key FROM ${table} WHERE entity_key >= ? LIMIT ?`)
    .pluck();
  // Versions 1 and 2 differ in INT64 alone.
  const wide = version === 3 || view.joinKeys.some(join => join.type === "INT64");
  let other: unknown;
  for (const key of like.iterate(prefix, KEYS_LOOKED_AT)) {
    if (!startsWith(key, prefix)) break;
    if (!wide || keyVersionOf(key, view.joinKeys) === version) return;
    other = key;
  }
  other ??= db.prepare(`SELECT entity_key FROM ${table} LIMIT 1`).pluck().get();
  if (other === undefined) return;
  const seen = other instanceof Uint8Array ? keyVersionOf(other, view.joinKeys) : null;
  throw invalid(
    `table \`${view.table}\` of the online store ${file} holds ${seen && seen !== version ? `keys of version ${seen}, and feature_store.yaml says ${version}. Correct \`entity_key_serialization_version\`` : `other keys than ${view.joinKeys.map(j => `${j.type} \`${j.name}\``).join(", ")}, which the registry names. Run \`feast apply\` and materialize the view again`}.`,
  );
}

function viewReader(
  db: Database.Database,
  file: string,
  version: KeyVersion,
  { view, features }: ViewRead,
  options: ReadOptions,
): ViewReader {
  checkTable(db, file, view);
  checkKeys(db, file, view, version);
  const encodeKeys = keyColumnsEncoder(view.joinKeys, version, options.bytes);
  const statements = new Map<string, Database.Statement<unknown[], StoredCells>>();
  const select = (size: number, first: number) => {
    const name = `${size} ${first}`;
    let statement = statements.get(name);
    if (!statement) {
      const cells = cellsText(features, first, options.eventTimes);
      const some = onlyFeatures(view, features.slice(first, first + MOST_FEATURES), "t.feature_name");
      statement = db.prepare<unknown[], StoredCells>(selectText(view.table, cells, some, size)).raw();
      statements.set(name, statement);
    }
    return statement;
  };
  const read = cellReader();
  return (keys, count) => {
    const columns = view.joinKeys.map(join => keys.get(askedName(join))!);
    const encoded = encodeKeys(columns);
    const built = features.map(feature => columnBuilder(view, feature, count, options));
    let row = 0;
    const describe = () => describeKey(view.joinKeys, columns, row);
    for (let first = 0; first < encoded.length; ) {
      // Few statement sizes: powers of two, the largest that fits.
      const size = Math.min(MAX_KEYS, 2 ** (31 - Math.clz32(encoded.length - first)));
      const asked = encoded.slice(first, first + size);
      for (let turn = 0; turn < features.length; turn += MOST_FEATURES)
        for (const [place, text] of select(size, turn).all(...asked)) {
          row = first + place;
          if (text !== null)
            read(text, row, (_, feature, value, seconds) =>
              built[feature]!.add(row, valueBytes(value), describe, seconds),
            );
        }
      first += size;
    }
    return built.map(builder => builder.finish());
  };
}

/** A key's place among the requested ones, and its cells as one text; null if it has none. */
type StoredCells = [key: number, cells: string | null];

/** Each key is looked up in the table's index, in a query of its own. */
function selectText(table: string, cells: string, some: string, keys: number): string {
  const values = Array.from({ length: keys }, (_, i) => `(${i}, ?)`).join(", ");
  return `WITH k(i, entity_key) AS (VALUES ${values}) SELECT k.i, (SELECT ${cells} FROM ${quoteName(table)} AS t WHERE t.entity_key = k.entity_key${some}) FROM k`;
}

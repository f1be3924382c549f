/**
 * Feast's SQLite online store, opened for reading: one statement per request, which gives back the place of each key with its values.
 */
import Database from "better-sqlite3";
import type { KeyVersion } from "../../../triton-protos/artefacts/feast-key.js";
import type { FeastFeature, FeastView } from "../../../triton-protos/artefacts/feast-registry.js";
import { feastType } from "../../../triton-protos/artefacts/feast-type.js";
import { decodeValue } from "../../../triton-protos/artefacts/feast-value.js";
import { RuntimeFault } from "../../errors.js";
import type { Column, Values } from "../../plan/table.js";
import { type ColumnSink, columnSink } from "./column-sink.js";
import { keyColumnEncoder } from "./key-column.js";
import { FEATURE_STATUS, type FeatureColumn, type FeatureReader, type FeatureStore } from "./store.js";

/** Keys of one statement; more are read in several. */
const MAX_KEYS = 256;

/** @throws RuntimeFault naming the file */
export function openSqliteStore(file: string, keyVersion: KeyVersion): FeatureStore {
  let db: Database.Database;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true });
    db.pragma("trusted_schema = OFF");
    db.pragma("cell_size_check = ON");
    db.prepare("SELECT count(*) FROM sqlite_master").get();
  } catch (error) {
    throw new RuntimeFault(
      "UNAVAILABLE",
      `the online store ${file} can not be opened: ${(error as Error).message}. Materialize it again with Feast.`,
      { cause: error },
    );
  }
  return {
    prepare: (view, features) => prepareReader(db, file, keyVersion, view, features),
    close: () => {
      db.close();
    },
  };
}

type StoredRow = [key: number, feature: string, value: Uint8Array | null];

function prepareReader(
  db: Database.Database,
  file: string,
  version: KeyVersion,
  view: FeastView,
  features: readonly FeastFeature[],
): FeatureReader {
  const found = db.prepare("SELECT type FROM sqlite_master WHERE name = ?").get(view.table) as
    | { type: string }
    | undefined;
  if (found?.type !== "table")
    throw new RuntimeFault(
      "NOT_FOUND",
      `the online store ${file} has no table \`${view.table}\` for the view \`${view.name}\`. Run \`feast materialize\` for it.`,
    );
  const encodeKeys = keyColumnEncoder(view.joinKeys[0]!, version);
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
  return { getOnline: (keys, count) => read(keys, encodeKeys(keys), count, features, indexOf, view, select) };
}

/** `CROSS JOIN` keeps the order: keys outside, the table's index inside. */
function selectText(view: FeastView, features: readonly FeastFeature[], keys: number): string {
  const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
  const text = (name: string) => `'${name.replaceAll("'", "''")}'`;
  const values = Array.from({ length: keys }, (_, i) => `(${i}, ?)`).join(", ");
  const some =
    features.length < view.features.length
      ? ` AND t.feature_name IN (${features.map(f => text(f.name)).join(", ")})`
      : "";
  return `WITH k(i, entity_key) AS (VALUES ${values}) SELECT k.i, t.feature_name, t.value FROM k CROSS JOIN ${quote(view.table)} AS t ON t.entity_key = k.entity_key${some}`;
}

/** Everything known of one feature while rows come in. */
interface Building {
  readonly sink: ColumnSink;
  readonly status: Uint8Array;
  /** Lists: where each key's items begin and how many there are; rows may come in any order. */
  readonly starts: Int32Array;
  readonly counts: Int32Array;
}

function read(
  keys: Column,
  encoded: readonly Uint8Array[],
  count: number,
  features: readonly FeastFeature[],
  indexOf: ReadonlyMap<string, number>,
  view: FeastView,
  select: (size: number) => Database.Statement<unknown[], StoredRow>,
): FeatureColumn[] {
  const n = encoded.length;
  const built = features.map(({ name, type }): Building => {
    const sink = columnSink(feastType(type!).dtype, count, `feature \`${view.name}:${name}\``);
    return { sink, status: new Uint8Array(count), starts: new Int32Array(count), counts: new Int32Array(count) };
  });
  const lists = features.map(({ type }) => feastType(type!).list);
  for (let first = 0; first < n; ) {
    // Few statement sizes: powers of two, the largest that fits.
    const size = Math.min(MAX_KEYS, 2 ** (31 - Math.clz32(n - first)));
    for (const [place, name, value] of select(size).all(...encoded.slice(first, first + size))) {
      const key = first + place;
      const at = indexOf.get(name);
      if (at === undefined) continue;
      const what = () => `feature \`${view.name}:${name}\` of \`${view.joinKeys[0]!.name}\` ${keys.values[key]}`;
      store(built[at]!, key, lists[at]!, value, what);
    }
    first += size;
  }
  return built.map((feature, i) => finish(feature, lists[i]!, count));
}

function store(
  { sink, status, starts, counts }: Building,
  key: number,
  list: boolean,
  value: Uint8Array | null,
  what: () => string,
): void {
  if (list) starts[key] = sink.at;
  else sink.at = key;
  try {
    const stored = value === null ? null : decodeValue(value, sink);
    status[key] = stored === null ? FEATURE_STATUS.null : FEATURE_STATUS.present;
    if (stored !== null && feastType(stored).list !== list)
      throw new Error(`a ${list ? "list" : "scalar"} belongs there and the store holds ${stored}`);
  } catch (error) {
    if (error instanceof RuntimeFault) throw error;
    throw new RuntimeFault(
      "INTERNAL",
      `${what()} can not be read: ${(error as Error).message}. Materialize the view again.`,
      { cause: error },
    );
  }
  if (list) counts[key] = sink.at - starts[key]!;
}

function finish({ sink, status, starts, counts }: Building, list: boolean, n: number): FeatureColumn {
  if (!list) return { values: sink.values(n), status };
  const offsets = new Int32Array(n + 1);
  let ordered = true;
  for (let i = 0; i < n; i++) {
    offsets[i + 1] = offsets[i]! + counts[i]!;
    if (counts[i]! > 0 && starts[i] !== offsets[i]) ordered = false;
  }
  const values = sink.values(sink.at);
  return { values: ordered ? values : inOrder(values, starts, counts), offsets, status };
}

/** Items of lists that came in another order than their keys. */
function inOrder(values: Values, starts: Int32Array, counts: Int32Array): Values {
  const sorted = values.slice() as { [i: number]: unknown };
  let at = 0;
  for (let i = 0; i < starts.length; i++) for (let j = 0; j < counts[i]!; j++) sorted[at++] = values[starts[i]! + j];
  return sorted as unknown as Values;
}

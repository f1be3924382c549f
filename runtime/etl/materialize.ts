/**
 * Parquet or CSV rows of a feature view → the repository's online store: for each entity its latest row, in the bytes Feast writes.
 */
import { isAbsolute, join } from "node:path";
import type { FeastScalar } from "../../formats/feast/encode-feast-value.js";
import type { KeyPart } from "../../formats/feast/feast-key.js";
import { type FeastView, findView } from "../../formats/feast/feast-registry.js";
import { type FeastRepository, readFeastRepository } from "../../formats/feast/feast-repository.js";
import { type FeastItem, type FeastType, feastType } from "../../formats/feast/feast-type.js";
import { invalid } from "../base/errors.js";
import { type OnlineRow, openOnlineWriter } from "../stores/feast/online-writer.js";
import { findData } from "./data-source.js";
import { type Database, type DatabaseOptions, openDatabase } from "./database.js";
import { didYouMean } from "./nearest-name.js";
import { identifier, text, texts } from "./sql/literal.js";
import { wholeSeconds } from "./sql/whole-seconds.js";

export interface MaterializeOptions extends DatabaseOptions {
  /** Views to write; by default all that are online. */
  readonly views?: readonly string[];
  /** Files instead of the view's own source; for one view. */
  readonly data?: readonly string[];
  /** Rows of this time and later, and up to this time; anything DuckDB reads as a time. */
  readonly start?: string;
  readonly end?: string;
}

export interface Materialized {
  readonly view: string;
  /** Entities found in the data. */
  readonly entities: number;
  /** Entities written: those whose row is newer than the store's, where the store is Redis. */
  readonly written: number;
}

/** @param folder of `feature_store.yaml` @throws RuntimeFault naming view, file and column; a SQLite store then stays as it was */
export async function materialize(folder: string, options: MaterializeOptions): Promise<Materialized[]> {
  const repository = readFeastRepository(folder);
  const views = chooseViews(repository, options);
  const database = await openDatabase(options);
  try {
    const done: Materialized[] = [];
    for (const view of views) done.push(await materializeView(database, repository, view, folder, options));
    return done;
  } finally {
    await database.close();
  }
}

function chooseViews({ registry }: FeastRepository, { views, data }: MaterializeOptions): FeastView[] {
  const chosen = views
    ? views.map(name => {
        const view = findView(registry, name);
        const names = registry.views.map(v => v.name);
        if (!view)
          throw invalid(
            `the repository has no view \`${name}\`; it has ${names.map(n => `\`${n}\``).join(", ")}.${didYouMean(name, names)}`,
          );
        return view;
      })
    : registry.views.filter(view => view.online);
  if (chosen.length === 0) throw invalid("the repository has no view that is online. Run `feast apply` with one.");
  if (data && chosen.length > 1)
    throw invalid(`\`--data\` is for one view and there are ${chosen.length}. Name it with \`--view\`.`);
  return chosen;
}

async function materializeView(
  database: Database,
  repository: FeastRepository,
  view: FeastView,
  folder: string,
  options: MaterializeOptions,
): Promise<Materialized> {
  const odd = view.features.find(({ type }) => type === null || typeof feastType(type).item === "string");
  if (odd)
    throw invalid(
      `feature \`${view.name}:${odd.name}\` is ${odd.type ?? `of Feast's type number ${odd.typeNumber}`}, which can not be written here. Materialize the view with Feast.`,
    );
  const { relation, types } = await openView(database, view, folder, options);
  const { count, sql } = await latestRows(database, view, relation, types, options);
  const writer = await openOnlineWriter(repository, view);
  let written = 0;
  let rows = 0;
  try {
    const result = await database.connection.stream(sql);
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      const columns = Array.from({ length: chunk.columnCount }, (_, c) => chunk.getColumnValues(c));
      written += await writer.write(
        Array.from({ length: chunk.rowCount }, (_, i) =>
          rowOf(
            view,
            columns.map(col => col[i]),
          ),
        ),
      );
      rows += chunk.rowCount;
      options.onProgress?.({ doing: view.name, rows, totalRows: count });
    }
    writer.finish();
  } finally {
    await writer.close();
  }
  return { view: view.name, entities: count, written };
}

interface OpenView {
  readonly relation: string;
  readonly types: ReadonlyMap<string, string>;
}

async function openView(
  database: Database,
  view: FeastView,
  folder: string,
  { data }: MaterializeOptions,
): Promise<OpenView> {
  const path = view.source?.path ?? "";
  if (!data && (path === "" || (path.includes("://") && !path.startsWith("file://"))))
    throw invalid(
      `view \`${view.name}\` has its rows ${path === "" ? "in no file" : `at ${path}`}. Name files with \`--data\`.`,
    );
  const own = path.replace(/^file:\/\//, "");
  const { files, format } = await findData(database, data ?? [isAbsolute(own) ? own : join(folder, own)]);
  const union = files.length > 1 ? ", union_by_name = true" : "";
  const relation =
    format === "csv" ? `read_csv(${texts(files)}, header = true${union})` : `read_parquet(${texts(files)}${union})`;
  const described = await database.rows(`DESCRIBE SELECT * FROM ${relation}`, `reading \`${files[0]}\``);
  const types = new Map(described.map(row => [String(row[0]), String(row[1])]));
  const timestamp = view.source?.timestampColumn ?? "";
  if (timestamp === "")
    throw invalid(`view \`${view.name}\` names no column of event times. Give its source a \`timestamp_field\`.`);
  for (const name of [...view.joinKeys.map(k => k.name), ...view.features.map(f => f.name), timestamp])
    if (!types.has(name))
      throw invalid(
        `\`${files[0]}\` has no column \`${name}\`, which view \`${view.name}\` needs; it has ${[...types.keys()].map(n => `\`${n}\``).join(", ")}.${didYouMean(name, types.keys())}`,
      );
  return { relation, types };
}

/** One row per entity: the latest event, and of equal ones the one made last. */
async function latestRows(
  database: Database,
  view: FeastView,
  relation: string,
  types: ReadonlyMap<string, string>,
  { start, end }: MaterializeOptions,
): Promise<{ readonly count: number; readonly sql: string }> {
  const { timestampColumn, createdColumn } = view.source!;
  const time = (name: string) => `epoch_us(CAST(${identifier(name)} AS TIMESTAMPTZ))`;
  const created = createdColumn && types.has(createdColumn) ? time(createdColumn) : "NULL";
  const keys = view.joinKeys.map(key => sqlValue(key.name, key.type, types));
  const values = view.features.map(f => sqlValue(f.name, f.type!, types));
  const range = [
    ...(start === undefined
      ? []
      : [`CAST(${identifier(timestampColumn)} AS TIMESTAMPTZ) >= CAST(${text(start)} AS TIMESTAMPTZ)`]),
    ...(end === undefined
      ? []
      : [`CAST(${identifier(timestampColumn)} AS TIMESTAMPTZ) <= CAST(${text(end)} AS TIMESTAMPTZ)`]),
  ];
  const doing = `reading the rows of view \`${view.name}\``;
  const k = keys.map((_, i) => `k${i}`);
  await database.run(
    `CREATE OR REPLACE TEMP TABLE latest AS SELECT ${[...keys.map((sql, i) => `${sql} AS k${i}`), ...values.map((sql, i) => `${sql} AS v${i}`)].join(", ")}, ${time(timestampColumn)} AS event, CAST(${created} AS BIGINT) AS created FROM ${relation} WHERE ${[...range, "true"].join(" AND ")} QUALIFY row_number() OVER (PARTITION BY ${k.join(", ")} ORDER BY event DESC NULLS LAST, created DESC NULLS LAST) = 1`,
    doing,
  );
  const [found] = (await database.rows(
    `SELECT count(*)::DOUBLE, count(*) FILTER (WHERE ${k.map(name => `${name} IS NULL`).join(" OR ")})::DOUBLE, count(*) FILTER (WHERE event IS NULL)::DOUBLE FROM latest`,
    doing,
  )) as [[number, number, number]];
  if (found[0] === 0)
    throw invalid(
      `view \`${view.name}\`: the data has no rows${range.length ? " in that time" : ""}. There is nothing to write.`,
    );
  if (found[1] > 0)
    throw invalid(
      `view \`${view.name}\`: ${view.joinKeys.map(key => `\`${key.name}\``).join(" or ")} is null in some rows. Every row needs its key.`,
    );
  if (found[2] > 0)
    throw invalid(
      `view \`${view.name}\`: \`${timestampColumn}\` is null for ${found[2]} entities. Every row needs its time.`,
    );
  return { count: found[0], sql: "SELECT * FROM latest" };
}

/** By the member of `Value` that carries an item. */
const SQL_TYPES: Partial<Record<FeastItem, string>> = {
  1: "BLOB",
  2: "VARCHAR",
  3: "INTEGER",
  4: "BIGINT",
  5: "DOUBLE",
  6: "FLOAT",
  7: "BOOLEAN",
};

/** A column in exactly the type of its feature; a set's items are each there once. */
function sqlValue(name: string, type: FeastType, types: ReadonlyMap<string, string>): string {
  const value = typedValue(name, type, types);
  // A list with a null in it stays whole, so that it is refused.
  return type.endsWith("_SET")
    ? `CASE WHEN len(${value}) = list_count(${value}) THEN list_distinct(${value}) ELSE ${value} END`
    : value;
}

/** Times become whole seconds. */
function typedValue(name: string, type: FeastType, types: ReadonlyMap<string, string>): string {
  const { list, item } = feastType(type);
  const stored = types.get(name)!;
  if (list !== /\[\d*\]$/.test(stored))
    throw invalid(
      `column \`${name}\` is ${stored} and the feature is ${type}. Write the column as ${list ? "lists" : "single values"}, or correct the view.`,
    );
  if (item === 8) return wholeSeconds(name, list, stored);
  const wanted = SQL_TYPES[item]!;
  if (wanted === "BLOB" && stored.startsWith("VARCHAR"))
    return list ? `list_transform(${identifier(name)}, lambda v: encode(v))` : `encode(${identifier(name)})`;
  if (type.startsWith("JSON") && !/^(VARCHAR|JSON)/.test(stored))
    throw invalid(`column \`${name}\` is ${stored} and the feature is ${type}. Write the column as JSON text.`);
  return `CAST(${identifier(name)} AS ${wanted}${list ? "[]" : ""})`;
}

function rowOf(view: FeastView, cells: readonly unknown[]): OnlineRow {
  const keys = view.joinKeys.length;
  const key = cells.slice(0, keys).map(cell => plainCell(cell) as KeyPart);
  const values = view.features.map(({ name }, f) => {
    const cell = cells[keys + f];
    if (cell === null || typeof cell !== "object" || !("items" in cell)) return cell === null ? null : plainCell(cell);
    const items = (cell as { items: readonly unknown[] }).items;
    if (items.includes(null))
      throw invalid(
        `feature \`${view.name}:${name}\` has a list with a null in it (${view.joinKeys[0]!.name} ${String(key[0])}). Feast's lists have none: leave it out.`,
      );
    return items.map(plainCell);
  });
  const [event, created] = cells.slice(keys + view.features.length) as [bigint, bigint | null];
  return { key, values, eventMicros: event, createdMicros: created };
}

/** DuckDB wraps bytes. */
const plainCell = (cell: unknown): FeastScalar =>
  typeof cell === "object" && cell !== null && "bytes" in cell
    ? (cell as { bytes: Uint8Array }).bytes
    : (cell as FeastScalar);

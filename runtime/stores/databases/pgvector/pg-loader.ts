/** Writes the table of a store: made where there is none, rows by their ids, the index at the end. */
import type { PgvectorStore } from "../../../../formats/vectors/vector-store.js";
import { connectionSettings } from "../connection-settings.js";
import { guardedCalls } from "../guarded-call.js";
import type { VectorLoader, VectorRows } from "../vector-database.js";
import { openPool, pgFailure } from "./pg-client.js";
import { quoted } from "./pg-filter.js";
import { COLUMN_TYPES, checkTable, idType, vectorType } from "./pg-table.js";

/** A batch of rows, and a statement that builds an index, take longer than a search. */
const LOAD_TIMEOUT_MS = 3_600_000;
const IDS_AT_ONCE = 10_000;
/** Dimensions that an index takes, by type. */
const MOST_INDEXED = { full: 2000, half: 4000 } as const;

const CLASSES = { ip: "ip", l2: "l2", cosine: "cosine" } as const;

/** @throws RuntimeFault */
export async function loadPgvector(store: PgvectorStore, file: string): Promise<VectorLoader> {
  const settings = connectionSettings(store, file);
  const pool = await openPool({ ...store, pool: 1 }, settings, LOAD_TIMEOUT_MS);
  const call = guardedCalls(settings, LOAD_TIMEOUT_MS, pgFailure);
  const run = (text: string, values: readonly unknown[] = []) => call(() => pool.query(text, [...values]));
  const [table, id, vector] = [store.table, store.idColumn, store.vectorColumn].map(quoted) as [string, string, string];
  const names = Object.keys(store.attributes);
  return {
    async create() {
      const found = await call(() => checkTable(pool, store, settings.where));
      if (found) return false;
      const columns = names.map(name => `${quoted(name)} ${COLUMN_TYPES[store.attributes[name]!][0]}`);
      await run(
        `CREATE TABLE ${table} (${[`${id} ${idType(store)} PRIMARY KEY`, `${vector} ${vectorType(store)} NOT NULL`, ...columns].join(", ")})`,
      );
      return true;
    },
    async upsert(rows) {
      const types = [idType(store), "text", ...names.map(name => COLUMN_TYPES[store.attributes[name]!][0])];
      const columns = [id, vector, ...names.map(quoted)];
      const selected = columns.map((_, i) => (i === 1 ? `u.c1::${vectorType(store)}` : `u.c${i}`));
      const updates = columns.slice(1).map(column => `${column} = EXCLUDED.${column}`);
      await run(
        `INSERT INTO ${table} (${columns.join(", ")}) SELECT ${selected.join(", ")} FROM unnest(${types.map((type, i) => `$${i + 1}::${type}[]`).join(", ")}) AS u(${columns.map((_, i) => `c${i}`).join(", ")})
         ON CONFLICT (${id}) DO UPDATE SET ${updates.join(", ")}`,
        valuesOf(rows, store.dimension, names),
      );
    },
    async *ids() {
      let after: string | undefined;
      for (;;) {
        const { rows } = await run(
          `SELECT ${id}::text AS id FROM ${table} ${after === undefined ? "" : `WHERE ${id} > $1::${idType(store)}`} ORDER BY ${id} LIMIT ${IDS_AT_ONCE}`,
          after === undefined ? [] : [after],
        );
        const found = (rows as readonly { readonly id: string }[]).map(row => row.id);
        if (found.length === 0) return;
        yield store.ids === "string" ? found : found.map(BigInt);
        after = found.at(-1)!;
      }
    },
    async remove(ids) {
      const { rowCount } = await run(`DELETE FROM ${table} WHERE ${id} = ANY($1::${idType(store)}[])`, [
        ids.map(String),
      ]);
      return rowCount ?? 0;
    },
    async finish() {
      if (store.index === "hnsw" && store.dimension <= MOST_INDEXED[store.precision]) {
        const kind = `${store.precision === "half" ? "halfvec" : "vector"}_${CLASSES[store.metric]}_ops`;
        const name = `${store.table.replace(".", "_").slice(0, 40)}_${store.metric}_hnsw`;
        const { links, efConstruction } = store;
        await run(
          `CREATE INDEX IF NOT EXISTS ${quoted(name)} ON ${table} USING hnsw (${vector} ${kind}) WITH (m = ${links}, ef_construction = ${efConstruction})`,
        );
      }
      await run(`ANALYZE ${table}`);
    },
    close: () => pool.end(),
  };
}

const valuesOf = ({ ids, vectors, attributes }: VectorRows, dimension: number, names: readonly string[]): unknown[] => [
  ids.map(String),
  ids.map((_, i) => `[${vectors.subarray(i * dimension, (i + 1) * dimension).join(",")}]`),
  ...names.map(name =>
    attributes
      .get(name)!
      .map(value => (value === undefined ? null : typeof value === "bigint" ? String(value) : value)),
  ),
];

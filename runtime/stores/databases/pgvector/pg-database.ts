/**
 * PostgreSQL with pgvector: the queries of a request with the same condition are one part of a statement, and a statement has many parts. The
 * planner chooses between the index and the rows of a condition; queries for which the index finds too few are answered exactly.
 */
import type { Pool } from "pg";
import { filterKey, type Scalar } from "../../../../contract/vector-filter/filter.js";
import type { Metric, PgvectorStore } from "../../../../formats/vectors/vector-store.js";
import { connectionSettings } from "../connection-settings.js";
import { guardedCalls } from "../guarded-call.js";
import type { Found, VectorDatabase, VectorQuery } from "../vector-database.js";
import { openPool, pgFailure } from "./pg-client.js";
import { pgFilter, quoted } from "./pg-filter.js";
import { checkTable, missingTable, vectorType } from "./pg-table.js";

export const OPERATORS: Readonly<Record<Metric, string>> = { ip: "<#>", l2: "<->", cosine: "<=>" };

/** Parameters that one statement may have, below PostgreSQL's 65,535. */
const MOST_PARAMETERS = 8192;
/** Parts of a statement: planning takes time for each. */
const MOST_PARTS = 64;

/** @param file name of the store, for messages @throws RuntimeFault */
export async function openPgvector(store: PgvectorStore, file: string): Promise<VectorDatabase> {
  const settings = connectionSettings(store, file);
  const pool = await openPool(store, settings);
  const call = guardedCalls(settings, store.timeoutMs, pgFailure);
  const check = async (): Promise<{ readonly version: string }> => {
    const table = await checkTable(pool, store, settings.where);
    if (!table) throw missingTable(store, settings.where);
    return table;
  };
  try {
    await call(check);
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    search: (queries, signal) => call(() => searchAll(pool, store, queries), signal),
    info: () => call(() => infoOf(pool, store, check)),
    close: () => pool.end(),
  };
}

async function searchAll(pool: Pool, store: PgvectorStore, queries: readonly VectorQuery[]): Promise<readonly Found[]> {
  const all = queries.map((_, i) => i);
  const found = await searchSome(pool, store, queries, all, false);
  if (store.index === "none") return found;
  // The index reads a bounded number of entries, of which few may fulfill the condition.
  const short = all.filter(i => found[i]!.ids.length < queries[i]!.k && !("always" in queries[i]!.filter));
  if (short.length === 0) return found;
  const exact = await searchSome(pool, store, queries, short, true);
  const hits = [...found];
  short.forEach((i, at) => {
    hits[i] = exact[at]!;
  });
  return hits;
}

/** @param some places of queries @returns hits in the order of `some` */
async function searchSome(
  pool: Pool,
  store: PgvectorStore,
  queries: readonly VectorQuery[],
  some: readonly number[],
  isExact: boolean,
): Promise<readonly Found[]> {
  const groups = new Map<string, number[]>();
  for (const i of some) {
    const key = filterKey(queries[i]!.filter);
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  }
  const rows = new Map<number, Row[]>(some.map(i => [i, []]));
  for (const parts of inStatements([...groups.values()], queries)) {
    const { text, values } = statementOf(store, queries, parts, isExact);
    const result = await pool.query<[number, string, number]>({ text, values, rowMode: "array" });
    const places = parts.flat();
    for (const [at, id, distance] of result.rows) rows.get(places[at]!)!.push({ id, distance });
  }
  return some.map(i => foundOf(rows.get(i)!, store));
}

interface Row {
  readonly id: string;
  readonly distance: number;
}

/** Groups that fit into one statement. */
function inStatements(groups: readonly number[][], queries: readonly VectorQuery[]): number[][][] {
  const statements: number[][][] = [];
  let [parameters, current] = [0, [] as number[][]];
  for (const group of groups) {
    const own = 3 + JSON.stringify(filterKey(queries[group[0]!]!.filter)).length / 8;
    if (current.length > 0 && (parameters + own > MOST_PARAMETERS || current.length >= MOST_PARTS)) {
      statements.push(current);
      [parameters, current] = [0, []];
    }
    parameters += own;
    current.push(group);
  }
  return current.length > 0 ? [...statements, current] : statements;
}

function statementOf(
  store: PgvectorStore,
  queries: readonly VectorQuery[],
  parts: readonly (readonly number[])[],
  isExact: boolean,
): { readonly text: string; readonly values: unknown[] } {
  const values: unknown[] = [];
  const bind = (value: Scalar | readonly (Scalar | null)[]): string => `$${values.push(plain(value))}`;
  const table = quoted(store.table);
  const column = `t.${quoted(store.vectorColumn)}`;
  const distance = `${column} ${OPERATORS[store.metric]} q.v`;
  let first = 0;
  const texts = parts.map(part => {
    const { filter } = queries[part[0]!]!;
    const vectors = bind(part.map(i => `[${queries[i]!.vector.join(",")}]`));
    const counts = bind(part.map(i => queries[i]!.k));
    const condition = pgFilter(filter, store.attributes, "t", bind);
    const offset = first - 1;
    first += part.length;
    // The index has no order by a sum, so that all rows of the condition are compared.
    const order = isExact ? `(${distance}) + 0` : distance;
    const given = `SELECT v::${vectorType(store)} AS v, k, i FROM unnest(${vectors}::text[], ${counts}::int[]) WITH ORDINALITY AS u(v, k, i)`;
    const nearest = `SELECT t.${quoted(store.idColumn)} AS id, ${distance} AS d FROM ${table} t WHERE ${condition} ORDER BY ${order} LIMIT q.k`;
    const hits = `SELECT (q.i + ${offset})::int, r.id, r.d FROM q CROSS JOIN LATERAL (${nearest}) r`;
    return `(WITH q AS MATERIALIZED (${given}) ${hits})`;
  });
  return { text: texts.join("\nUNION ALL\n"), values };
}

/** `pg` has no form of its own for integers beyond 2^53. */
const plain = (value: Scalar | readonly (Scalar | null)[]): unknown =>
  Array.isArray(value)
    ? value.map(plain as (one: Scalar | null) => unknown)
    : typeof value === "bigint"
      ? String(value)
      : value;

function foundOf(rows: readonly Row[], { metric, ids }: PgvectorStore): Found {
  const sorted = rows.toSorted((a, b) => a.distance - b.distance);
  return {
    ids: ids === "string" ? sorted.map(({ id }) => id) : BigInt64Array.from(sorted, ({ id }) => BigInt(id)),
    distances: Float32Array.from(sorted, ({ distance }) => scoreOf(distance, metric)),
  };
}

/** A vector of length 0 has no cosine. */
const scoreOf = (distance: number, metric: Metric): number =>
  metric === "ip" ? -distance : metric === "l2" ? distance * distance : Number.isNaN(distance) ? 0 : 1 - distance;

async function infoOf(
  pool: Pool,
  store: PgvectorStore,
  check: () => Promise<{ readonly version: string }>,
): ReturnType<VectorDatabase["info"]> {
  const { version } = await check();
  const [{ rows: counts }, { rows: indexes }, { rows: servers }] = [
    await pool.query<{ count: string }>(`SELECT count(*) FROM ${quoted(store.table)}`),
    await pool.query<{ text: string }>(
      `SELECT pg_get_indexdef(indexrelid) AS text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
       WHERE indrelid = to_regclass($1) AND a.amname IN ('hnsw', 'ivfflat') AND indisvalid`,
      [store.table],
    ),
    await pool.query<{ server: string }>("SELECT current_setting('server_version') AS server"),
  ];
  return {
    server: `PostgreSQL ${servers[0]!.server.split(" ")[0]}, pgvector ${version}`,
    count: Number(counts[0]!.count),
    isEstimate: false,
    index: indexes.map(({ text }) => text.replace(/^.* USING /, "")).join("; ") || "none",
    attributes: store.attributes,
  };
}

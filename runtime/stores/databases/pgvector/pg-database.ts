/**
 * PostgreSQL with pgvector: the queries of a request with the same condition are one part of a statement, and a statement has many parts. The
 * rows of a condition are compared exactly where the planner expects few of them, and where the index finds too few.
 */
import type { Pool } from "pg";
import { filterKey } from "../../../../contract/vector-filter/filter.js";
import type { Metric, PgvectorStore } from "../../../../formats/vectors/vector-store.js";
import { connectionSettings } from "../connection-settings.js";
import { checkedCalls } from "../guarded-call.js";
import { needFound } from "../refusals.js";
import { groupsByFilter } from "../search-vectors.js";
import type { Found, VectorDatabase, VectorQuery } from "../vector-database.js";
import { openPool, pgFailure } from "./pg-client.js";
import { bindTo, pgFilter, quoted } from "./pg-filter.js";
import { type RowEstimates, rowEstimates } from "./pg-rows.js";
import { checkTable, vectorType } from "./pg-table.js";

export const OPERATORS: Readonly<Record<Metric, string>> = { ip: "<#>", l2: "<->", cosine: "<=>" };

/** Parameters that one statement may have, below PostgreSQL's 65,535. */
const MOST_PARAMETERS = 8192;
/** Parts of a statement: planning takes time for each. */
const MOST_PARTS = 64;

/** Hits that the index looks for, for each that is returned: it has them in a rough order, and the nearest may be late. */
const FOUND_PER_HIT = 4;
/** Rows of a condition for each hit, up to which a comparison of all takes no longer than the index. */
const COMPARED_PER_HIT = 300;

/** @param file name of the store, for messages @throws RuntimeFault */
export async function openPgvector(store: PgvectorStore, file: string): Promise<VectorDatabase> {
  const settings = connectionSettings(store, file);
  const pool = await openPool(store, settings);
  const { where } = settings;
  const check = async (): Promise<{ readonly version: string }> =>
    needFound(await checkTable(pool, store, where), where, "table", store.table);
  const call = await checkedCalls(settings, store.timeoutMs, pgFailure, check, () => pool.end());
  const table: Table = { pool, store, rows: rowEstimates(pool, store) };
  return {
    search: (queries, signal) => call(() => searchAll(table, queries), signal),
    info: () => call(() => infoOf(pool, store, check)),
    close: () => pool.end(),
  };
}

interface Table {
  readonly pool: Pool;
  readonly store: PgvectorStore;
  readonly rows: RowEstimates;
}

const isConditional = ({ filter }: VectorQuery): boolean => !("always" in filter);

async function searchAll(table: Table, queries: readonly VectorQuery[]): Promise<readonly Found[]> {
  const all = queries.map((_, i) => i);
  const hasIndex = table.store.index === "hnsw";
  const rows = await table.rows(hasIndex ? queries.filter(isConditional).map(({ filter }) => filter) : []);
  const isFew = ({ filter, k }: VectorQuery): boolean =>
    !hasIndex || (rows.get(filterKey(filter)) ?? Infinity) <= COMPARED_PER_HIT * k;
  const many = all.filter(i => !isFew(queries[i]!));
  const hits = new Array<Found>(queries.length);
  const take = (some: readonly number[], found: readonly Found[]): void =>
    some.forEach((i, at) => {
      hits[i] = found[at]!;
    });
  take(many, await searchSome(table, queries, many, false));
  // The index reads a bounded number of entries, of which few may fulfill the condition: the planner's estimate may be wrong.
  const exact = all.filter(i => {
    const query = queries[i]!;
    return hits[i] === undefined || (isConditional(query) && hits[i].ids.length < FOUND_PER_HIT * query.k);
  });
  take(exact, await searchSome(table, queries, exact, true));
  return hits.map((found, i) => nearest(found, queries[i]!.k));
}

const nearest = ({ ids, distances }: Found, k: number): Found => ({
  ids: ids.slice(0, k),
  distances: distances.slice(0, k),
});

/** @param some places of queries @returns hits in the order of `some` */
async function searchSome(
  { pool, store }: Table,
  queries: readonly VectorQuery[],
  some: readonly number[],
  isExact: boolean,
): Promise<readonly Found[]> {
  const rows = new Map<number, Row[]>(some.map(i => [i, []]));
  for (const parts of inStatements(groupsByFilter(queries, some), queries)) {
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
  const bind = bindTo(values);
  const table = quoted(store.table);
  const column = `t.${quoted(store.vectorColumn)}`;
  const distance = `${column} ${OPERATORS[store.metric]} q.v`;
  let first = 0;
  const texts = parts.map(part => {
    const { filter } = queries[part[0]!]!;
    const vectors = bind(part.map(i => `[${queries[i]!.vector.join(",")}]`));
    // The planner estimates with a literal limit.
    const most = Math.max(...part.map(i => queries[i]!.k));
    const limit = isExact || !isConditional(queries[part[0]!]!) ? most : FOUND_PER_HIT * most;
    const condition = pgFilter(filter, store.attributes, "t", bind);
    const offset = first - 1;
    first += part.length;
    // The index has no order by a sum, so that all rows of the condition are compared.
    const order = isExact ? `(${distance}) + 0` : distance;
    const given = `SELECT v::${vectorType(store)} AS v, i FROM unnest(${vectors}::text[]) WITH ORDINALITY AS u(v, i)`;
    const nearest = `SELECT t.${quoted(store.idColumn)} AS id, ${distance} AS d FROM ${table} t WHERE ${condition} ORDER BY ${order} LIMIT ${limit}`;
    const hits = `SELECT (q.i + ${offset})::int, r.id, r.d FROM q CROSS JOIN LATERAL (${nearest}) r`;
    return `(WITH q AS MATERIALIZED (${given}) ${hits})`;
  });
  return { text: texts.join("\nUNION ALL\n"), values };
}

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
      [quoted(store.table)],
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

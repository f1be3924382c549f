/** How many rows the planner expects for a condition. It reads its statistics alone. */
import type { Pool } from "pg";
import { type Filter, filterKey } from "../../../../contract/vector-filter/filter.js";
import type { PgvectorStore } from "../../../../formats/vectors/vector-store.js";
import { type Clock, steadyNow, systemClock } from "../../../base/clock.js";
import { bindTo, pgFilter, quoted } from "./pg-filter.js";

/** @returns rows by the key of a filter */
export type RowEstimates = (filters: readonly Filter[]) => Promise<ReadonlyMap<string, number>>;

/** A table changes while it is searched. */
const KEPT_MS = 60_000;
/** Conditions with values of users are many. */
const MOST_KEPT = 1000;
/** Conditions of one statement: planning takes time for each. */
const MOST_AT_ONCE = 64;

interface Plan {
  readonly "Plan Rows": number;
}

/** The estimates of a minute are kept. */
export function rowEstimates(pool: Pool, store: PgvectorStore, clock: Clock = systemClock): RowEstimates {
  let [kept, until] = [new Map<string, number>(), 0];
  return async filters => {
    const now = steadyNow(clock);
    if (now >= until || kept.size >= MOST_KEPT) [kept, until] = [new Map(), now + KEPT_MS];
    const known = kept;
    const missing = new Map(filters.map(filter => [filterKey(filter), filter]));
    for (const key of missing.keys()) if (known.has(key)) missing.delete(key);
    const all = [...missing];
    for (let i = 0; i < all.length; i += MOST_AT_ONCE) {
      const some = all.slice(i, i + MOST_AT_ONCE);
      const rows = await expectedRows(
        pool,
        store,
        some.map(([, filter]) => filter),
      );
      some.forEach(([key], at) => void known.set(key, rows[at]!));
    }
    return known;
  };
}

async function expectedRows(pool: Pool, store: PgvectorStore, filters: readonly Filter[]): Promise<readonly number[]> {
  const values: unknown[] = [];
  const bind = bindTo(values);
  const arrays = filters.map(
    filter => `ARRAY(SELECT 1 FROM ${quoted(store.table)} t WHERE ${pgFilter(filter, store.attributes, "t", bind)})`,
  );
  const { rows } = await pool.query<{
    readonly "QUERY PLAN": readonly [{ readonly Plan: { readonly Plans?: readonly Plan[] } }];
  }>(`EXPLAIN (FORMAT JSON) SELECT ${arrays.join(", ")}`, values);
  const parts = rows[0]!["QUERY PLAN"][0].Plan.Plans ?? [];
  return filters.map((_, i) => parts[i]?.["Plan Rows"] ?? Infinity);
}

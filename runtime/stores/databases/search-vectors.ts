/** Queries of a request with ids to leave out → hits of each. */
import { filterKey, filterSize } from "../../../contract/vector-filter/filter.js";
import type { Cancellation } from "../../base/cancellation.js";
import { invalid } from "../../base/errors.js";
import type { Found, Ids, VectorDatabase, VectorQuery } from "./vector-database.js";

/** Hits that one query may fetch: `k`, and as many as it leaves out. */
const MOST_HITS = 16_384;
/** Characters in the conditions of a query, and of all queries of a request: they are escaped, sent, and compared with items. */
const MOST_SIZE = { query: 2 ** 19, request: 2 ** 22 } as const;
/** A query that nothing can fulfill is not sent. */
const NOTHING: Found = { ids: [], distances: new Float32Array(0) };

export interface ExcludingQuery extends VectorQuery {
  readonly excluded: ReadonlySet<bigint | string>;
}

/** @throws RuntimeFault for a query that leaves out too many ids, and for values of users that are too long */
export async function searchVectors(
  database: VectorDatabase,
  queries: readonly ExcludingQuery[],
  signal?: Cancellation,
): Promise<readonly Found[]> {
  const sent = queries.filter(({ filter }) => !("always" in filter) || filter.always);
  for (const { k, excluded } of sent)
    if (k + excluded.size > MOST_HITS)
      throw invalid(
        `a query leaves out ${excluded.size} ids; with \`topk\` they are more than ${MOST_HITS}. Send fewer ids in \`exclude\`.`,
      );
  checkSizes(sent);
  const found =
    sent.length === 0
      ? []
      : await database.search(
          sent.map(query => ({ ...query, k: query.k + query.excluded.size })),
          signal,
        );
  const bySent = new Map(sent.map((query, i) => [query, found[i]!]));
  return queries.map(query => {
    const hits = bySent.get(query);
    return hits ? without(hits, query) : NOTHING;
  });
}

function checkSizes(queries: readonly ExcludingQuery[]): void {
  let all = 0;
  for (const { filter } of queries) {
    const size = filterSize(filter);
    all += size;
    if (size > MOST_SIZE.query)
      throw invalid(
        `a condition has texts and lists of ${size} characters (a number counts as 32): at most ${MOST_SIZE.query} are sent. Send shorter ones.`,
      );
  }
  if (all > MOST_SIZE.request)
    throw invalid(
      `the conditions of a request have texts and lists of ${all} characters (a number counts as 32): at most ${MOST_SIZE.request} are sent. Send fewer rows.`,
    );
}

function without({ ids, distances }: Found, { excluded, k }: ExcludingQuery): Found {
  const kept: number[] = [];
  for (let i = 0; i < ids.length && kept.length < k; i++) if (!excluded.has(ids[i]!)) kept.push(i);
  return { ids: pick(ids, kept), distances: Float32Array.from(kept, i => distances[i]!) };
}

const pick = (ids: Ids, at: readonly number[]): Ids =>
  ids instanceof BigInt64Array ? BigInt64Array.from(at, i => ids[i]!) : at.map(i => ids[i]!);

/** Queries with the same condition, which one call may answer. @param some places of queries */
export function groupsByFilter(
  queries: readonly VectorQuery[],
  some: readonly number[] = queries.map((_, i) => i),
): number[][] {
  const groups = new Map<string, number[]>();
  for (const i of some) {
    const key = filterKey(queries[i]!.filter);
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  }
  return [...groups.values()];
}

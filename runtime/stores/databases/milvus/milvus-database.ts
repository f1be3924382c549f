/**
 * Milvus: the queries of a request with the same condition are one call, and calls run side by side. Milvus has no call with several
 * conditions.
 */
import type { MilvusClient } from "@zilliz/milvus2-sdk-node";
import { filterKey } from "../../../../contract/vector-filter/filter.js";
import type { MilvusStore } from "../../../../formats/vectors/vector-store.js";
import { RuntimeFault } from "../../../base/errors.js";
import { connectionSettings } from "../connection-settings.js";
import { guardedCalls } from "../guarded-call.js";
import type { Found, VectorDatabase, VectorQuery } from "../vector-database.js";
import { checked, LOAD, milvusFailure, openClient } from "./milvus-client.js";
import { checkCollection, type FoundCollection, METRIC_TYPES, missingCollection } from "./milvus-collection.js";
import { milvusFilter } from "./milvus-filter.js";

/** Vectors of one call, below Milvus' 16,384. */
const MOST_VECTORS = 1024;

/** @param file name of the store, for messages @throws RuntimeFault */
export async function openMilvus(store: MilvusStore, file: string): Promise<VectorDatabase> {
  const settings = connectionSettings(store, file);
  const client = await openClient(store, settings);
  const call = guardedCalls(settings, store.timeoutMs, milvusFailure);
  const check = async (): Promise<FoundCollection> => {
    const found = await checkCollection(client, store, settings.where);
    if (!found) throw missingCollection(store, settings.where);
    const { state } = checked(await client.getLoadState({ collection_name: store.collection }));
    if (state !== "LoadStateLoaded")
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `${settings.where}: collection \`${store.collection}\` is not loaded. ${LOAD}`,
      );
    return found;
  };
  try {
    await call(check);
  } catch (error) {
    await client.closeConnection();
    throw error;
  }
  return {
    search: (queries, signal) => call(() => searchAll(client, store, queries), signal),
    info: () =>
      call(async () => {
        const { version, index } = await check();
        const count = await countOf(client, store.collection, "");
        return { server: `Milvus ${version}`, count, isEstimate: false, index, attributes: store.attributes };
      }),
    close: async () => void (await client.closeConnection()),
  };
}

/** Items that fulfill an expression. */
export async function countOf(client: MilvusClient, collection: string, filter: string): Promise<number> {
  const { data } = checked(await client.query({ collection_name: collection, filter, output_fields: ["count(*)"] }));
  return Number(data[0]?.["count(*)"] ?? 0);
}

async function searchAll(
  client: MilvusClient,
  store: MilvusStore,
  queries: readonly VectorQuery[],
): Promise<readonly Found[]> {
  const groups = new Map<string, number[]>();
  queries.forEach(({ filter }, i) => {
    const key = filterKey(filter);
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  });
  const found: Found[] = queries.map(() => foundOf([], store, 0));
  const search = async (some: readonly number[]): Promise<void> => {
    const hits = await searchSome(
      client,
      store,
      some.map(i => queries[i]!),
    );
    some.forEach((i, at) => {
      found[i] = foundOf(hits[at] ?? [], store, queries[i]!.k);
    });
  };
  await Promise.all([...groups.values()].flatMap(inCalls).map(search));
  return found;
}

const inCalls = (group: readonly number[]): number[][] =>
  Array.from({ length: Math.ceil(group.length / MOST_VECTORS) }, (_, i) =>
    group.slice(i * MOST_VECTORS, (i + 1) * MOST_VECTORS),
  );

type Hit = Readonly<Record<string, unknown>> & { readonly score: number };

/** @param queries with the same filter @returns hits of each */
async function searchSome(
  client: MilvusClient,
  { collection, vectorField, idField, metric, attributes, efSearch, index }: MilvusStore,
  queries: readonly VectorQuery[],
): Promise<readonly (readonly Hit[])[]> {
  const filter = milvusFilter(queries[0]!.filter, attributes);
  if (filter === false) return [];
  const limit = Math.max(...queries.map(({ k }) => k));
  const { results } = checked(
    await client.search({
      collection_name: collection,
      anns_field: vectorField,
      data: queries.map(({ vector }) => Array.from(vector)),
      filter: filter === true ? "" : filter,
      limit,
      metric_type: METRIC_TYPES[metric],
      // An index finds `ef` items at most.
      params: index === "hnsw" ? { ef: Math.max(efSearch, limit) } : {},
      output_fields: [idField],
    }),
  );
  const hits = results as unknown as readonly Hit[] | readonly (readonly Hit[])[];
  return queries.length === 1 ? [hits as readonly Hit[]] : (hits as readonly (readonly Hit[])[]);
}

/** The client returns integers as texts, which are exact. */
function foundOf(hits: readonly Hit[], { ids, idField, metric }: MilvusStore, k: number): Found {
  // Milvus answers squared distances for L2.
  const sorted = hits.toSorted((a, b) => (metric === "l2" ? a.score - b.score : b.score - a.score)).slice(0, k);
  return {
    ids:
      ids === "string"
        ? sorted.map(hit => String(hit[idField]))
        : BigInt64Array.from(sorted, hit => BigInt(hit[idField] as string)),
    // A vector of length 0 has no cosine.
    distances: Float32Array.from(sorted, ({ score }) => (Number.isNaN(score) ? 0 : score)),
  };
}

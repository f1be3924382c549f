/**
 * Milvus: the queries of a request with the same condition are one call, and calls run side by side. Milvus has no call with several
 * conditions.
 */
import type { MilvusClient } from "@zilliz/milvus2-sdk-node";
import type { MilvusStore } from "../../../../formats/vectors/vector-store.js";
import { invalid } from "../../../base/errors.js";
import { connectionSettings } from "../connection-settings.js";
import { checkedCalls } from "../guarded-call.js";
import { needFound } from "../refusals.js";
import { groupsByFilter } from "../search-vectors.js";
import type { Found, VectorDatabase, VectorQuery } from "../vector-database.js";
import { checked, LOAD, milvusFailure, openClient } from "./milvus-client.js";
import { checkCollection, type FoundCollection, METRIC_TYPES } from "./milvus-collection.js";
import { milvusFilter } from "./milvus-filter.js";

/** Vectors of one call, below Milvus' 16,384. */
const MOST_VECTORS = 1024;

/** @param file name of the store, for messages @throws RuntimeFault */
export async function openMilvus(store: MilvusStore, file: string): Promise<VectorDatabase> {
  const settings = connectionSettings(store, file);
  const client = await openClient(store, settings);
  const check = async (): Promise<FoundCollection> => {
    const checkedIt = await checkCollection(client, store, settings.where);
    const found = needFound(checkedIt, settings.where, "collection", store.collection);
    const { state } = checked(await client.getLoadState({ collection_name: store.collection }));
    if (state !== "LoadStateLoaded")
      throw invalid(`${settings.where}: collection \`${store.collection}\` is not loaded. ${LOAD}`);
    return found;
  };
  const close = async (): Promise<void> => void (await client.closeConnection());
  const call = await checkedCalls(settings, store.timeoutMs, milvusFailure, check, close);
  return {
    search: (queries, signal) => call(() => searchAll(client, store, queries), signal),
    info: () =>
      call(async () => {
        const { version, index } = await check();
        const count = await countOf(client, store.collection, "");
        return { server: `Milvus ${version}`, count, isEstimate: false, index, attributes: store.attributes };
      }),
    close,
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
  await Promise.all(groupsByFilter(queries).flatMap(inCalls).map(search));
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

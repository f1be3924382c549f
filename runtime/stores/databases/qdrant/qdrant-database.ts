/** Qdrant: all queries of a request are one call, each with its own condition. */
import type { QdrantStore } from "../../../../formats/vectors/vector-store.js";
import { connectionSettings } from "../connection-settings.js";
import { checkedCalls } from "../guarded-call.js";
import { needFound } from "../refusals.js";
import type { Found, VectorDatabase, VectorQuery } from "../vector-database.js";
import { odd, openClient, type QdrantClient, qdrantFailure } from "./qdrant-client.js";
import { type CollectionInfo, checkCollection, pathOf } from "./qdrant-collection.js";
import { qdrantFilter } from "./qdrant-filter.js";

/** @param file name of the store, for messages @throws RuntimeFault */
export async function openQdrant(store: QdrantStore, file: string): Promise<VectorDatabase> {
  const settings = connectionSettings(store, file);
  const client = openClient(store, settings);
  const { where } = settings;
  const check = async (): Promise<CollectionInfo> =>
    needFound(await checkCollection(client, store, where), where, "collection", store.collection);
  const call = await checkedCalls(settings, store.timeoutMs, qdrantFailure, check, client.close);
  return {
    search: (queries, signal) => call(() => searchAll(client, store, queries), signal),
    info: () =>
      call(async () => {
        const { indexed_vectors_count: indexed = 0 } = await check();
        const version = await client.version();
        const count = await countOf(client, store.collection);
        const index = `hnsw of ${indexed.toLocaleString("en-US")} vectors`;
        return { server: `Qdrant ${version}`, count, isEstimate: false, index, attributes: store.attributes };
      }),
    close: () => Promise.resolve(client.close()),
  };
}

/** @param filter as JSON @returns points that fulfill it */
export async function countOf(client: QdrantClient, collection: string, filter?: string): Promise<number> {
  const body = `{"exact":true${filter === undefined ? "" : `,"filter":${filter}`}}`;
  return (await client.call<{ count: number }>("POST", `${pathOf(collection)}/points/count`, body)).count;
}

interface Hit {
  readonly id: bigint | string;
  readonly score: number;
}

async function searchAll(
  client: QdrantClient,
  store: QdrantStore,
  queries: readonly VectorQuery[],
): Promise<readonly Found[]> {
  const { collection, vectorName, index, efSearch } = store;
  const found: Found[] = queries.map(() => foundOf([], store));
  const sent: number[] = [];
  const searches = queries.flatMap(({ vector, k, filter: given }, i) => {
    const filter = qdrantFilter(given);
    if (filter === false) return [];
    sent.push(i);
    return {
      query: Array.from(vector),
      limit: k,
      ...(filter !== true && { filter }),
      ...(vectorName !== undefined && { using: vectorName }),
      params: index === "none" ? { exact: true } : { hnsw_ef: Math.max(efSearch, k) },
    };
  });
  if (sent.length === 0) return found;
  const results = await client.call<readonly { readonly points: readonly Hit[] }[]>(
    "POST",
    `${pathOf(collection)}/points/query/batch`,
    JSON.stringify({ searches }),
  );
  if (results.length !== sent.length) throw odd();
  results.forEach(({ points }, at) => {
    found[sent[at]!] = foundOf(points, store);
  });
  return found;
}

function foundOf(hits: readonly Hit[], { ids, metric }: QdrantStore): Found {
  return {
    ids: ids === "string" ? hits.map(({ id }) => String(id)) : BigInt64Array.from(hits, ({ id }) => BigInt(id)),
    // Qdrant answers distances for `Euclid`.
    distances: Float32Array.from(hits, ({ score }) => (metric === "l2" ? score * score : score)),
  };
}

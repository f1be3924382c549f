/** Vector sets of tests, in a Redis whose address is in `TEST_REDIS_URL`. */
import { parseVectorStore, type RedisVectorStore } from "#formats/vectors/vector-store.js";
import { openVectorDatabase, openVectorLoader } from "#runtime/stores/databases/open-database.js";
import type { VectorDatabase, VectorLoader } from "#runtime/stores/databases/vector-database.js";
import { ATTRIBUTES, DIMENSION, type Item, rowsOf } from "./items.js";

const FILE = "items.vectors.yaml";

export const redisStore = (fields: Partial<RedisVectorStore> = {}): RedisVectorStore =>
  parseVectorStore(
    JSON.stringify({
      type: "redis",
      url: "${TEST_REDIS_URL}",
      key: "items",
      dimension: DIMENSION,
      attributes: ATTRIBUTES,
      timeoutMs: 20_000,
      ...fields,
    }),
  ) as RedisVectorStore;

export async function withLoader<T>(store: RedisVectorStore, use: (loader: VectorLoader) => Promise<T>): Promise<T> {
  const loader = await openVectorLoader(store, FILE);
  try {
    return await use(loader);
  } finally {
    await loader.close();
  }
}

export const upsertAll = async (
  loader: VectorLoader,
  { dimension }: RedisVectorStore,
  rows: readonly Item[],
): Promise<void> => {
  for (let i = 0; i < rows.length; i += 1000) await loader.upsert(rowsOf(rows.slice(i, i + 1000), dimension));
};

export const load = (store: RedisVectorStore, rows: readonly Item[]): Promise<void> =>
  withLoader(store, async loader => {
    await loader.create();
    await upsertAll(loader, store, rows);
    await loader.finish();
  });

/** Loads a copy, which takes the place of the set. @returns how many items were removed */
export const replace = (store: RedisVectorStore, rows: readonly Item[]): Promise<number> =>
  withLoader(store, async loader => {
    await loader.create();
    await loader.swap!.begin();
    await upsertAll(loader, store, rows);
    return loader.swap!.end();
  });

export async function open<T>(store: RedisVectorStore, use: (database: VectorDatabase) => Promise<T>): Promise<T> {
  const database = await openVectorDatabase(store, FILE);
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}

/** The fault of opening a store, or of a search. */
export const faultOf = (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
  work.then(
    () => Promise.reject(new Error("no fault")),
    error => error as { code: string; message: string },
  );

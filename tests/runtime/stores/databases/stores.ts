/** Loads, replaces and searches the items of a vector database. */
import type { VectorStore } from "#formats/vectors/vector-store.js";
import { openVectorDatabase, openVectorLoader } from "#runtime/stores/databases/open-database.js";
import type { VectorDatabase, VectorLoader } from "#runtime/stores/databases/vector-database.js";
import { type Item, rowsOf } from "./items.js";

export const FILE = "items.vectors.yaml";

export async function withLoader<T>(store: VectorStore, use: (loader: VectorLoader) => Promise<T>): Promise<T> {
  const loader = await openVectorLoader(store, FILE);
  try {
    return await use(loader);
  } finally {
    await loader.close();
  }
}

async function upsertAll(loader: VectorLoader, dimension: number, rows: readonly Item[]): Promise<void> {
  for (let i = 0; i < rows.length; i += 1000) await loader.upsert(rowsOf(rows.slice(i, i + 1000), dimension));
}

/** @returns whether the table or collection was made */
export const loadItems = (store: VectorStore, rows: readonly Item[]): Promise<boolean> =>
  withLoader(store, async loader => {
    const isNew = await loader.create();
    await upsertAll(loader, store.dimension, rows);
    await loader.finish();
    return isNew;
  });

/** Replaces all items at once. @returns how many there are no more */
export const replaceItems = (store: VectorStore, rows: readonly Item[]): Promise<number> =>
  withLoader(store, async loader => {
    await loader.create();
    await loader.swap!.begin();
    await upsertAll(loader, store.dimension, rows);
    return loader.swap!.end();
  });

export async function withDatabase<T>(store: VectorStore, use: (database: VectorDatabase) => Promise<T>): Promise<T> {
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

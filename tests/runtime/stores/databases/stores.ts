/** Loads, replaces and searches the items of a vector database. */
import type { VectorStore } from "#formats/vectors/vector-store.js";
import { openVectorDatabase, openVectorLoader } from "#runtime/stores/databases/open-database.js";
import type { VectorDatabase } from "#runtime/stores/databases/vector-database.js";
import { type Item, rowsOf } from "./items.js";

export const FILE = "items.vectors.yaml";

/** @returns whether the table or collection was made */
export async function loadItems(store: VectorStore, rows: readonly Item[]): Promise<boolean> {
  const loader = await openVectorLoader(store, FILE);
  try {
    const isNew = await loader.create();
    for (let i = 0; i < rows.length; i += 1000) await loader.upsert(rowsOf(rows.slice(i, i + 1000), store.dimension));
    await loader.finish();
    return isNew;
  } finally {
    await loader.close();
  }
}

/** Replaces all items at once. @returns how many there are no more */
export async function replaceItems(store: VectorStore, rows: readonly Item[]): Promise<number> {
  const loader = await openVectorLoader(store, FILE);
  try {
    await loader.create();
    await loader.swap!.begin();
    for (let i = 0; i < rows.length; i += 1000) await loader.upsert(rowsOf(rows.slice(i, i + 1000), store.dimension));
    return await loader.swap!.end();
  } finally {
    await loader.close();
  }
}

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

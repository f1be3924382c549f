/** A store's file → its database, opened. Clients are optional packages, loaded when a store needs them. */
import { readVectorStore, type VectorStore } from "../../../formats/vectors/vector-store.js";
import { invalid } from "../../base/errors.js";
import type { VectorDatabase, VectorLoader } from "./vector-database.js";

/** @throws RuntimeFault for a file that cannot be read */
export function readStore(file: string): VectorStore {
  try {
    return readVectorStore(file);
  } catch (error) {
    throw invalid(`${(error as Error).message}.`, { cause: error });
  }
}

/** @param file name of the store, for messages @throws RuntimeFault naming the store */
export async function openVectorDatabase(store: VectorStore, file: string): Promise<VectorDatabase> {
  switch (store.type) {
    case "pgvector":
      return (await import("./pgvector/pg-database.js")).openPgvector(store, file);
    case "redis":
      return (await import("./redis/set-database.js")).openVectorSet(store, file);
    case "milvus":
      return (await import("./milvus/milvus-database.js")).openMilvus(store, file);
    case "qdrant":
      return (await import("./qdrant/qdrant-database.js")).openQdrant(store, file);
  }
}

/** @throws RuntimeFault naming the store */
export async function openVectorLoader(store: VectorStore, file: string): Promise<VectorLoader> {
  switch (store.type) {
    case "pgvector":
      return (await import("./pgvector/pg-loader.js")).loadPgvector(store, file);
    case "redis":
      return (await import("./redis/set-loader.js")).loadVectorSet(store, file);
    case "milvus":
      return (await import("./milvus/milvus-loader.js")).loadMilvus(store, file);
    case "qdrant":
      return (await import("./qdrant/qdrant-loader.js")).loadQdrant(store, file);
  }
}

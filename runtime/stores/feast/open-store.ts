/**
 * A Feast repository → its online store, opened: SQLite from memory or by statement, Redis, or a feature server.
 */
import type { FeastRepository } from "../../../formats/feast/feast-repository.js";
import type { SnapshotFiles } from "./snapshot-store.js";
import type { FeatureStore } from "./store.js";

export interface StoreOptions {
  /** Megabytes of a SQLite store that may be held in memory. @default 256 */
  readonly memoryMb?: number | undefined;
  /** How long a store beyond this process may take to answer. @default 1000 */
  readonly timeoutMs?: number | undefined;
  /** The SQLite files that other steps of the plan read. */
  readonly files?: SnapshotFiles | undefined;
}

const MEMORY_MB = 256;
const TIMEOUT_MS = 1000;

/** Stores are loaded when a plan needs them. @throws RuntimeFault naming the store */
export async function openStore(
  { project, onlineStore, keyVersion }: FeastRepository,
  { memoryMb = MEMORY_MB, timeoutMs = TIMEOUT_MS, files }: StoreOptions,
): Promise<FeatureStore> {
  switch (onlineStore.type) {
    case "sqlite": {
      if (memoryMb === 0) return (await import("./sqlite-store.js")).openSqliteStore(onlineStore.file, keyVersion);
      const { openSnapshotStore } = await import("./snapshot-store.js");
      return openSnapshotStore(onlineStore.file, keyVersion, memoryMb * 2 ** 20, files);
    }
    case "redis":
      return (await import("./redis-store.js")).openRedisStore(onlineStore, { project, keyVersion, timeoutMs });
    case "remote":
      return (await import("./feature-server-store.js")).openFeatureServer(onlineStore, timeoutMs);
    default:
      return onlineStore satisfies never;
  }
}

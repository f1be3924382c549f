// Each way of reading a feature store answers what was written: by statement, from memory, from memory that does not suffice, from Redis.
import { afterAll, beforeAll } from "vitest";
import { openStore } from "#runtime/stores/feast/open-store.js";
import { openSnapshotStore } from "#runtime/stores/feast/snapshot-store.js";
import { featureStoreContract } from "./contract.js";
import { redisAt } from "./every-redis.js";
import { startRedis, type TestRedis } from "./redis-server.js";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

featureStoreContract({ name: "SQLite by statement", open: repository => openStore(repository, { memoryMb: 0 }) });
featureStoreContract({ name: "SQLite from memory", open: repository => openStore(repository, {}) });
featureStoreContract({
  name: "SQLite from memory that does not suffice",
  open: ({ onlineStore, keyVersion }) => {
    if (onlineStore.type !== "sqlite") throw new Error("not SQLite");
    return openSnapshotStore(onlineStore.file, keyVersion, 10);
  },
});
featureStoreContract({
  name: "Redis",
  at: async repository => {
    await redis.client().flushall();
    return { ...repository, onlineStore: redisAt(redis.port) };
  },
  open: repository => openStore(repository, { timeoutMs: 20_000 }),
});

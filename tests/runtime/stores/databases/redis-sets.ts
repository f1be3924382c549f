/** Vector sets of tests, in a Redis whose address is in `TEST_REDIS_URL`. */
import { parseVectorStore, type RedisVectorStore } from "#formats/vectors/vector-store.js";
import { ATTRIBUTES, DIMENSION } from "./items.js";

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

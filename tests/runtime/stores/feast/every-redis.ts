/** Redis filled with Feast's content (tests/oracles/feast), and its name in a repository. */
import type { Redis } from "ioredis";
import type { RedisStore } from "#formats/feast/feast-online-store.js";
import { hashesOf } from "./every-type.js";

export const redisAt = (...ports: number[]): RedisStore => ({
  type: "redis",
  mode: ports.length > 1 ? "cluster" : "single",
  nodes: ports.map(port => ({ host: "127.0.0.1", port })),
  tls: false,
  tlsVerify: true,
  tlsHostname: true,
  db: 0,
  sentinelName: "mymaster",
  keyTtlSeconds: null,
});

export async function fill(client: Redis, name: string): Promise<void> {
  for (const [key, fields] of Object.entries(hashesOf(name)))
    for (const [field, value] of Object.entries(fields))
      await client.hset(Buffer.from(key, "hex"), Buffer.from(field, "hex"), Buffer.from(value, "hex"));
}

/**
 * Connections that lose replies: a late call ends its connection, so that calls are answered as soon as new connections are. Otherwise a pool
 * would stay full of calls that nothing ends.
 */
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { connectRedis } from "#runtime/stores/feast/redis-connection.js";
import { connectHashReader } from "#runtime/stores/feast/redis-hashes.js";
import { redisAt } from "./feast/every-redis.js";
import { startRedis } from "./feast/redis-server.js";
import { startLossyProxy } from "./lossy-proxy.js";

afterEach(() => void vi.unstubAllEnvs());

const TIMEOUT_MS = 1000;

/** Clients of one Redis server, which keep one connection. */
const KEPT: readonly (readonly [
  name: string,
  open: (port: number) => Promise<{ ping(): Promise<unknown>; close(): unknown }>,
])[] = [
  [
    "a reader of features",
    async port => {
      const reader = await connectHashReader(redisAt(port), TIMEOUT_MS);
      const query = { keys: [Buffer.from("k")], fields: [Buffer.from("f")] };
      return { ping: () => reader.read([query], undefined, () => "k"), close: () => reader.close() };
    },
  ],
  [
    "a writer of features",
    async port => {
      const connection = await connectRedis(redisAt(port), TIMEOUT_MS);
      return { ping: () => connection.send([["PING"]]), close: () => connection.close() };
    },
  ],
];

test.each(KEPT)("Redis: %s reads replies again after its connection lost one", async (_, open) => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const proxy = await startLossyProxy(server.port);
  const connection = await open(proxy.port);
  onTestFinished(() => void connection.close());
  for (const how of ["swallows", "gone"] as const) {
    await connection.ping();
    proxy.lose(how);
    await expect(connection.ping()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await vi.waitFor(() => connection.ping(), { timeout: 5 * TIMEOUT_MS });
  }
});

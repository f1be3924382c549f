/**
 * Connections that lose replies: a late call ends its connection, so that calls are answered as soon as new connections are. Otherwise a pool
 * would stay full of calls that nothing ends.
 */
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { ALWAYS } from "#contract/vector-filter/filter.js";
import { parseVectorStore, type VectorStore } from "#formats/vectors/vector-store.js";
import { connectRedis } from "#runtime/stores/feast/redis-connection.js";
import { connectHashReader } from "#runtime/stores/feast/redis-hashes.js";
import { ATTRIBUTES, DIMENSION, exactly, makeItems, makeQueries } from "./databases/items.js";
import { startMilvus } from "./databases/milvus-server.js";
import { PASSWORD, startPostgres } from "./databases/postgres-server.js";
import { startQdrant } from "./databases/qdrant-server.js";
import { loadItems, withDatabase } from "./databases/stores.js";
import { redisAt } from "./feast/every-redis.js";
import { startRedis } from "./feast/redis-server.js";
import { startLossyProxy } from "./lossy-proxy.js";

afterEach(() => void vi.unstubAllEnvs());

const TIMEOUT_MS = 1000;
const POOL = 3;
const items = makeItems(200);
const [query] = makeQueries(1) as [Float32Array];

interface Server {
  readonly port: number;
  stop(): Promise<void>;
}
const DATABASES: readonly (readonly [type: string, start: () => Promise<Server>, url: string, fields: object])[] = [
  [
    "pgvector",
    startPostgres,
    `postgresql://merlon:${encodeURIComponent(PASSWORD)}@127.0.0.1:PORT/postgres`,
    { table: "items" },
  ],
  ["redis", startRedis, "redis://127.0.0.1:PORT", { key: "items" }],
  ["milvus", startMilvus, "http://127.0.0.1:PORT", { collection: "items" }],
  ["qdrant", startQdrant, "http://127.0.0.1:PORT", { collection: "items" }],
];

test.each(DATABASES)(
  "%s: searches are answered after connections lost their replies",
  async (type, start, url, fields) => {
    const server = await start();
    onTestFinished(() => server.stop());
    const proxy = await startLossyProxy(server.port);
    const storeAt = (port: number, timeoutMs: number): VectorStore => {
      vi.stubEnv("TEST_LOST_URL", url.replace("PORT", String(port)));
      const common = {
        url: "${TEST_LOST_URL}",
        dimension: DIMENSION,
        attributes: ATTRIBUTES,
        index: "none",
        pool: POOL,
      };
      return parseVectorStore(JSON.stringify({ type, ...common, ...fields, timeoutMs }));
    };
    await loadItems(storeAt(server.port, 20_000), items);
    const asked = { vector: query, k: 5, filter: ALWAYS };
    const wanted = exactly(items, asked).map(({ id }) => id);
    await withDatabase(storeAt(proxy.port, TIMEOUT_MS), async database => {
      const search = () =>
        database.search([asked]).then(
          ([found]) => [...found!.ids],
          (error: { code: string; message: string }) => error,
        );
      const searches = () => Promise.all(Array.from({ length: 2 * POOL }, search));
      for (const how of ["swallows", "gone"] as const) {
        // A new connection of a machine under load may take longer than a search may.
        await vi.waitFor(async () => expect(await searches()).toEqual(new Array(2 * POOL).fill(wanted)), {
          timeout: 20_000,
        });
        proxy.lose(how);
        for (const late of await searches())
          if (!Array.isArray(late))
            expect(late).toMatchObject({
              code: "UNAVAILABLE",
              message: expect.stringContaining(`did not answer within ${TIMEOUT_MS} ms`) as string,
            });
        await vi.waitFor(async () => expect(await search()).toEqual(wanted), { timeout: 5 * TIMEOUT_MS });
      }
    });
  },
  120_000,
);

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

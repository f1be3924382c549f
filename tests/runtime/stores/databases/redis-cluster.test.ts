// Redis vector sets in a cluster and behind sentinels, on real servers: a slot that moves, primaries that are killed, and failovers.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Filter } from "#contract/vector-filter/filter.js";
import { parseVectorStore, type RedisVectorStore } from "#formats/vectors/vector-store.js";
import { startRedis, startRedisCluster, startSentinel, type TestRedis } from "../feast/redis-server.js";
import { searchAcross } from "./contract.js";
import { exactly, makeItems, makeQueries } from "./items.js";
import { redisStore } from "./redis-sets.js";
import { faultOf, loadItems, replaceItems, withDatabase, withLoader } from "./stores.js";

const items = makeItems(300);
const filter: Filter = { attribute: "stock", is: ">=", value: 0n };
const asked = makeQueries(6).map(vector => ({ vector, k: 5, filter }));
const wantedOf = (rows: typeof items): bigint[][] => asked.map(query => exactly(rows, query).map(({ id }) => id));
const search = async (store: RedisVectorStore): Promise<unknown> =>
  withDatabase(store, async database => (await database.search(asked)).map(({ ids }) => [...ids]));

afterAll(() => vi.unstubAllEnvs());

describe("a cluster", () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  const store = (fields: Partial<RedisVectorStore> = {}): RedisVectorStore =>
    redisStore({ url: "${TEST_REDIS_CLUSTER}", redisType: "redis_cluster", timeoutMs: 5000, ...fields });
  const addressOf = (ports: readonly number[]): string => `redis://${ports.map(port => `127.0.0.1:${port}`).join(",")}`;
  /** The node that has the slot of a key, and another. */
  async function nodesOf(key: string): Promise<{ slot: number; owner: TestRedis; other: TestRedis }> {
    const slot = Number(await cluster.nodes[0]!.client().call("CLUSTER", "KEYSLOT", key));
    const [owner, other] = slot < 8192 ? cluster.nodes : cluster.nodes.toReversed();
    return { slot, owner: owner!, other: other! };
  }
  beforeAll(async () => {
    cluster = await startRedisCluster();
    // The first node is away.
    vi.stubEnv("TEST_REDIS_CLUSTER", addressOf([1, ...cluster.ports]));
  }, 60_000);
  afterAll(() => cluster.stop());

  test.each(["items", "shop:{items}", "other", "{a}b"])(
    "the set `%s` is loaded, searched and replaced",
    async key => {
      await loadItems(store({ key }), items.slice(0, 200));
      expect(await search(store({ key }))).toEqual(wantedOf(items.slice(0, 200)));
      expect(await replaceItems(store({ key }), items.slice(100))).toBe(100);
      expect(await search(store({ key }))).toEqual(wantedOf(items.slice(100)));
      expect(await withDatabase(store({ key }), database => database.info())).toMatchObject({ count: 200 });
      const { owner } = await nodesOf(key);
      const tag = key.includes("{") ? key : `{${key}}`;
      expect((await owner.client().keys(`*${key.slice(-3)}*`)).sort()).toEqual(
        expect.arrayContaining([key, `${tag}:merlon`].sort()),
      );
      await withLoader(store({ key }), async loader => {
        expect(await loader.create()).toBe(false);
        expect(await loader.remove!([items[150]!.id])).toBe(1);
      });
    },
    60_000,
  );

  test("its slot moves, and a search, a load and a replacement follow", async () => {
    const key = "moving";
    await loadItems(store({ key }), items.slice(0, 250));
    const { slot, owner, other } = await nodesOf(key);
    const [from, to] = [owner.client(), other.client()];
    const [fromId, toId] = [await from.call("CLUSTER", "MYID"), await to.call("CLUSTER", "MYID")] as [string, string];
    const move = (name: string) => from.call("MIGRATE", "127.0.0.1", other.port, name, 0, 20_000);
    await withDatabase(store({ key }), async database => {
      const found = async () => (await database.search(asked)).map(({ ids }) => [...ids]);
      expect(await found()).toEqual(wantedOf(items.slice(0, 250)));
      await to.call("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
      await from.call("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
      await move(key);
      // The set has moved, and its layout has not: replies with `ASK`.
      expect(await found()).toEqual(wantedOf(items.slice(0, 250)));
      await loadItems(store({ key }), items);
      expect(await found()).toEqual(wantedOf(items));
      await move(`{${key}}:merlon`);
      expect(await found()).toEqual(wantedOf(items));
      // The copy is made on the node to which the slot moves.
      expect(await replaceItems(store({ key }), items.slice(100))).toBe(100);
      expect(await found()).toEqual(wantedOf(items.slice(100)));
      for (const node of [to, from]) await node.call("CLUSTER", "SETSLOT", slot, "NODE", toId);
      // MOVED.
      expect(await found()).toEqual(wantedOf(items.slice(100)));
    });
  }, 60_000);

  test("one server as a cluster, a cluster as one server, and odd addresses are refused by name", async () => {
    const single = await startRedis();
    onTestFinished(() => single.stop());
    vi.stubEnv("TEST_REDIS_OTHER", addressOf([single.port]));
    expect((await faultOf(search(store({ url: "${TEST_REDIS_OTHER}" })))).message).toMatch(
      /cluster support disabled\. It is one server: drop `redisType: redis_cluster`/,
    );
    vi.stubEnv("TEST_REDIS_OTHER", addressOf([cluster.ports[0]!]));
    for (const work of [search, (each: RedisVectorStore) => loadItems(each, items)])
      expect(await faultOf(work(store({ url: "${TEST_REDIS_OTHER}", redisType: "redis" })))).toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(
          /the server is a node of a cluster\. Write `redisType: redis_cluster`/,
        ) as string,
      });
    const odd = async (url: string, redisType: RedisVectorStore["redisType"] = "redis_cluster") => {
      vi.stubEnv("TEST_REDIS_ODD", url);
      return (await faultOf(search(store({ url: "${TEST_REDIS_ODD}", redisType })))).message;
    };
    expect(await odd("redis://a:1,b:2", "redis")).toMatch(/has several servers, and `redisType` is `redis`/);
    expect(await odd("redis://a:1,b:2/3")).toMatch(/has a database, and clusters have none/);
    expect(await odd("redis://a:1,b:99999")).toMatch(/has a part that is not `HOST:PORT`/);
    expect(await odd("redis://:%zz@a:1")).toMatch(/a `%` that is not an escape/);
    expect(await odd("redis://127.0.0.1:1,127.0.0.1:2")).toMatch(/ECONNREFUSED.*Start it, or correct `url`/);
    for (const key of ["{}", "a{b", "a}{b}", "{a}{b}"])
      expect(() => parseVectorStore(JSON.stringify({ type: "redis", url: "x", key, dimension: 2 }))).toThrow(
        /`key` must be/,
      );
  }, 60_000);
});

test("a cluster whose primary is killed: a replica takes its place", async () => {
  const flags = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
  const nodes = await Promise.all(Array.from({ length: 4 }, () => startRedis(flags)));
  onTestFinished(async () => void (await Promise.all(nodes.map(node => node.stop()))));
  const clients = nodes.map(node => node.client());
  const ranges = [
    [0, 5460],
    [5461, 10_922],
    [10_923, 16_383],
  ] as const;
  for (const [i, [first, last]] of ranges.entries()) {
    await clients[i]!.call("CLUSTER", "ADDSLOTSRANGE", first, last);
    await clients[i]!.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
  }
  for (const node of nodes.slice(1)) await clients[0]!.call("CLUSTER", "MEET", "127.0.0.1", node.port, node.busPort);
  const said = async (client: Redis, ...command: [string, ...string[]]): Promise<string> =>
    String(await client.call(...command));
  await vi.waitFor(
    async () => {
      for (const client of clients) {
        expect(await said(client, "CLUSTER", "INFO")).toContain("cluster_state:ok");
        expect(await said(client, "CLUSTER", "INFO")).toContain("cluster_known_nodes:4");
      }
    },
    { timeout: 20_000, interval: 100 },
  );
  const slot = Number(await clients[0]!.call("CLUSTER", "KEYSLOT", "items"));
  const owner = ranges.findIndex(([first, last]) => first <= slot && slot <= last);
  await clients[3]!.call("CLUSTER", "REPLICATE", await said(clients[owner]!, "CLUSTER", "MYID"));
  vi.stubEnv("TEST_REDIS_FAILING", `redis://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`);
  const store = redisStore({ url: "${TEST_REDIS_FAILING}", redisType: "redis_cluster", timeoutMs: 5000 });
  await loadItems(store, items);
  await vi.waitFor(
    async () => expect(await said(clients[3]!, "INFO", "replication")).toContain("master_link_status:up"),
    { timeout: 20_000 },
  );
  expect(await clients[owner]!.call("WAIT", 1, 10_000)).toBe(1);
  await searchAcross(store, items, () => nodes[owner]!.kill());
  expect(await said(clients[3]!, "INFO", "replication")).toContain("role:master");
  // A load finds the new primary too.
  expect(await replaceItems(store, items.slice(0, 100))).toBe(200);
}, 120_000);

test("sentinels whose primary is killed: they name its replica", async () => {
  const primary = await startRedis();
  const replica = await startRedis(["--replicaof", "127.0.0.1", String(primary.port)]);
  const sentinel = await startSentinel(primary, [
    "sentinel down-after-milliseconds mymaster 500",
    "sentinel failover-timeout mymaster 2000",
  ]);
  onTestFinished(async () => void (await Promise.all([primary, replica, sentinel].map(server => server.stop()))));
  vi.stubEnv("TEST_REDIS_SENTINEL", `redis://127.0.0.1:1,127.0.0.1:${sentinel.port}/0`);
  const store = redisStore({ url: "${TEST_REDIS_SENTINEL}", redisType: "redis_sentinel", timeoutMs: 5000 });
  await loadItems(store, items);
  expect(await primary.client().call("WAIT", 1, 20_000)).toBe(1);
  await vi.waitFor(
    async () =>
      expect(String(await sentinel.client().call("SENTINEL", "REPLICAS", "mymaster"))).toContain(String(replica.port)),
    { timeout: 30_000, interval: 200 },
  );
  for (const fields of [{ sentinelMaster: "unknown" }, { url: "redis://127.0.0.1:1" }])
    expect(await faultOf(search({ ...store, ...fields }))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/entinel/) as string,
    });
  await searchAcross(store, items, () => primary.kill());
  expect(await replaceItems(store, items.slice(0, 100))).toBe(200);
}, 120_000);

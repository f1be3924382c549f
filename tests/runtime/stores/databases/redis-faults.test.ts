// Redis vector sets that differ from their file, and servers that refuse.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ALWAYS } from "#contract/vector-filter/filter.js";
import { parseVectorStore, type RedisVectorStore } from "#formats/vectors/vector-store.js";
import { redisFailure } from "#runtime/stores/databases/redis/set-client.js";
import { idOf } from "#runtime/stores/databases/redis/set-database.js";
import { checkDimension, checkInfo } from "#runtime/stores/databases/redis/set-layout.js";
import { refuses } from "#runtime/stores/databases/refusals.js";
import type { VectorQuery } from "#runtime/stores/databases/vector-database.js";
import { openssl } from "../../../needs/openssl.js";
import { startRedis, type TestRedis } from "../feast/redis-server.js";
import { ATTRIBUTES, DIMENSION, exactly, type Item, makeItems, makeQueries, rowsOf } from "./items.js";
import { redisStore } from "./redis-sets.js";
import { faultOf, loadItems, withDatabase, withLoader } from "./stores.js";

const items = makeItems(600);
const queries = makeQueries(12);
const PASSWORD = "p@ss word/1";
let server: TestRedis;

const urlOf = ({ port }: TestRedis, user = ""): string => `redis://${user}127.0.0.1:${port}`;
const withPassword = (password: string): string => `:${encodeURIComponent(password)}@`;

beforeAll(async () => {
  server = await startRedis(["--requirepass", PASSWORD], { password: PASSWORD });
  vi.stubEnv("TEST_REDIS_URL", urlOf(server, withPassword(PASSWORD)));
  await loadItems(redisStore(), items);
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

const info = (fields: Partial<RedisVectorStore> = {}) => withDatabase(redisStore(fields), database => database.info());
const searchesOf = (): VectorQuery[] => queries.map(vector => ({ vector, k: 5, filter: ALWAYS }));
const idsOf = (rows: readonly Item[], asked: readonly VectorQuery[]): bigint[][] =>
  asked.map(query => exactly(rows, query).map(({ id }) => id));

test("a database that the server lacks is a fault", async () => {
  expect((await faultOf(info({ url: "${TEST_REDIS_URL}/99" }))).message).toMatch(
    /DB index.*Correct the database in `url`/,
  );
});

test.each([
  ["ip", /`metric` must be `cosine`, which Redis compares by\. .*use pgvector/],
  ["l2", /`metric` must be `cosine`/],
])("the metric %s is refused by name", (metric, message) => {
  expect(() => parseVectorStore(JSON.stringify({ type: "redis", url: "x", key: "k", dimension: 2, metric }))).toThrow(
    message,
  );
});

test.each([
  ["a wrong password", withPassword("sesame open"), /WRONGPASS.*Correct the user and password in `url`/],
  ["no password", "", /NOAUTH.*Correct the user and password in `url`/],
  ["a user without rights", "reader:reads@", /NOPERM.*Grant it to the user of `url`/],
])("%s is a fault that shows no secret", async (_, user, message) => {
  await server.client().call("ACL", "SETUSER", "reader", "on", ">reads", "~*", "+hello", "+vdim", "+get");
  vi.stubEnv("TEST_REDIS_OTHER", urlOf(server, user));
  const fault = await faultOf(info({ url: "${TEST_REDIS_OTHER}" }));
  expect(fault.message).toMatch(message);
  expect(JSON.stringify(fault) + fault.message).not.toMatch(/sesame|p@ss|reads@/);
});

describe("sets of other programs", () => {
  const of = (key: string) => ({ key, attributes: {} });

  test("a set without a layout, with an odd one, or another kind of key", async () => {
    const client = server.client();
    await client.call("VADD", "foreign", "VALUES", DIMENSION, ...new Array<number>(DIMENSION).fill(1), "a", "NOQUANT");
    expect((await faultOf(info(of("foreign")))).message).toMatch(
      /`foreign` was not written by `merlon vectors load`: `foreign:merlon` is missing\. Load another `key`/,
    );
    for (const text of ["{", "[]", '{"version":1,"ids":"int64","attributes":{"a":"date"}}']) {
      await client.set("foreign:merlon", text);
      expect((await faultOf(info(of("foreign")))).message).toContain("`foreign:merlon` is not a layout");
    }
    await client.set("foreign:merlon", '{"version":2,"ids":"int64","attributes":{}}');
    expect((await faultOf(info(of("foreign")))).message).toContain("was written by another version of Merlon");
    await client.set("text", "x");
    expect((await faultOf(info(of("text")))).message).toMatch(/WRONGTYPE.*Correct `key`/);
    expect((await faultOf(loadItems(redisStore(of("text")), items))).message).toMatch(/WRONGTYPE.*Correct `key`/);
  });

  test.each(["abc", "", "0x10", "007", "9223372036854775808", "1e3", "-0"])("an item %j is not an int64", async id => {
    const client = server.client();
    await client.del("odd");
    const rest = ["NOQUANT", "SETATTR", "{}"];
    await client.call("VADD", "odd", "VALUES", DIMENSION, ...new Array<number>(DIMENSION).fill(1), id, ...rest);
    await client.set("odd:merlon", '{"version":1,"ids":"int64","attributes":{}}');
    const fault = await faultOf(withDatabase(redisStore(of("odd")), database => database.search(searchesOf())));
    expect(fault).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/has an item `.*`, which is not an int64\. Write `ids: string`/) as string,
    });
  });
});

test("a reply that is not what was meant is not quoted whole", () => {
  const store = redisStore();
  const long = "9\n".repeat(1_000_000);
  for (const check of [
    () => checkDimension(store, long, refuses("s")),
    () => checkInfo(store, ["quant-type", long], refuses("s")),
    () => idOf(long, "items", refuses("s")),
  ])
    expect(check).toThrow(/^s: .{0,80}(9 )+9?[…`].{0,120}$/);
});

test("a node of a cluster is refused, by searches and by loads", async () => {
  const other = await startRedis(["--cluster-enabled", "yes"]);
  vi.stubEnv("TEST_REDIS_OTHER", urlOf(other));
  const store = redisStore({ url: "${TEST_REDIS_OTHER}" });
  const message = /the server is a node of a cluster\. Write `redisType: redis_cluster`/;
  expect((await faultOf(withDatabase(store, database => database.info()))).message).toMatch(message);
  expect((await faultOf(loadItems(store, items))).message).toMatch(message);
  await other.stop();
}, 30_000);

test("a server without a command of vector sets is too old", async () => {
  // This server has all of them.
  const reply: unknown = await server
    .client()
    .call("VDIMENSION", "items")
    .catch((error: unknown) => error);
  expect(redisFailure(reply)).toMatchObject({ kind: "refused", way: "Vector sets need Redis 8 or newer." });
});

test("a server without memory, and a replica, refuse a load", async () => {
  const full = await startRedis(["--maxmemory", "1mb"]);
  vi.stubEnv("TEST_REDIS_OTHER", urlOf(full));
  const store = redisStore({ url: "${TEST_REDIS_OTHER}" });
  expect((await faultOf(loadItems(store, makeItems(5000)))).message).toMatch(/OOM.*Raise `maxmemory` of the server/);
  await full.stop();
  const replica = await startRedis(["--replicaof", "127.0.0.1 1"]);
  vi.stubEnv("TEST_REDIS_OTHER", urlOf(replica));
  expect((await faultOf(loadItems(store, items))).message).toMatch(
    /READONLY.*Write the address of the primary in `url`/,
  );
  await replica.stop();
}, 60_000);

test("TLS with an authority and a certificate of the client", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-redis-tls-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  openssl(
    folder,
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    key,
    "-out",
    cert,
    "-days",
    "2",
    ...subject,
  );
  const flags = ["--tls-port", "{port}", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert];
  const secure = await startRedis([...flags, "--tls-auth-clients", "optional"], { tls: { rejectUnauthorized: false } });
  vi.stubEnv("TEST_REDIS_TLS", `rediss://127.0.0.1:${secure.port}`);
  const url = "${TEST_REDIS_TLS}";
  const own = redisStore({ url, tls: { ca: cert, cert, key } });
  await loadItems(own, items);
  expect(await withDatabase(own, database => database.info())).toMatchObject({ count: items.length });
  for (const tls of [true, undefined])
    expect(await faultOf(info({ url, ...(tls && { tls }), timeoutMs: 3000 }))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(
        /self-signed certificate.*name the authority of its certificate in `tls\.ca`/,
      ) as string,
    });
  await secure.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

test("connections that the server ended are opened again, and no search fails", async () => {
  await withDatabase(redisStore({ pool: 3 }), async database => {
    const wanted = idsOf(items, searchesOf());
    const client = server.client();
    for (let i = 0; i < 30; i++) {
      await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      // The client sees the ends before, during or after it sends.
      if (i % 3 === 0) await client.ping();
      const found = await database.search(searchesOf());
      expect(found.map(({ ids }) => [...ids])).toEqual(wanted);
    }
  });
}, 60_000);

test("a password that the server changes and restores fails searches in between alone", async () => {
  const other = await startRedis();
  vi.stubEnv("TEST_REDIS_OTHER", urlOf(other, "shop:sesame@"));
  const client = other.client();
  const allow = (password: string) =>
    client.call("ACL", "SETUSER", "shop", "reset", "on", `>${password}`, "~*", "+@all");
  await allow("sesame");
  const store = redisStore({ url: "${TEST_REDIS_OTHER}" });
  await loadItems(store, items);
  await withDatabase(store, async database => {
    await allow("changed");
    await client.call("CLIENT", "KILL", "USER", "shop");
    for (let i = 0; i < 2; i++)
      expect(await faultOf(database.search(searchesOf()))).toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringContaining("Correct the user and password in `url`") as string,
      });
    await allow("sesame");
    await vi.waitFor(async () => expect(await database.search(searchesOf())).toHaveLength(queries.length));
  });
  await other.stop();
}, 60_000);

describe("replacing a set", () => {
  test("a copy that the server evicted in part is not put in place", async () => {
    const store = redisStore({ key: "evicted" });
    await loadItems(store, items.slice(0, 100));
    const client = server.client();
    const fault = await faultOf(
      withLoader(store, async loader => {
        await loader.create();
        await loader.swap!.begin();
        await loader.upsert(rowsOf(items));
        const [copy] = await client.keys("evicted:merlon:*");
        expect(await client.ttl(copy!)).toBeGreaterThan(3000);
        await client.del(copy!);
        await loader.upsert(rowsOf(items.slice(0, 10)));
        await loader.swap!.end();
      }),
    );
    expect(fault.message).toMatch(
      /the server kept 10 of 610 items that were written to a copy of `evicted`\. Write `maxmemory-policy noeviction`/,
    );
    expect(await withDatabase(store, database => database.info())).toMatchObject({ count: 100 });
    expect((await client.keys("evicted*")).sort()).toEqual(["evicted", "evicted:merlon"]);
  });

  test("a set of other links takes no items", async () => {
    expect((await faultOf(loadItems(redisStore({ links: 32 }), items))).message).toMatch(
      /the items of `items` have 16 links, and the file says 32\. Correct `links`, or delete it/,
    );
  });

  test("a file that lacks an attribute of the set's items adds none to it", async () => {
    const { stock: _, ...attributes } = ATTRIBUTES;
    expect((await faultOf(loadItems(redisStore({ attributes }), items))).message).toMatch(
      /the items of `items` have an attribute `stock`, which the file lacks\. Add it to `attributes`/,
    );
  });
});

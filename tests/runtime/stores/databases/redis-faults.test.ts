// Redis vector sets that differ from their file, servers that refuse, are late or away, and one that is killed while users search.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ALWAYS, type Filter } from "#contract/vector-filter/filter.js";
import { parseVectorStore, type RedisVectorStore } from "#formats/vectors/vector-store.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { redisFailure } from "#runtime/stores/databases/redis/set-client.js";
import { idOf } from "#runtime/stores/databases/redis/set-database.js";
import { checkDimension, checkInfo } from "#runtime/stores/databases/redis/set-layout.js";
import { refuses } from "#runtime/stores/databases/refusals.js";
import type { VectorQuery } from "#runtime/stores/databases/vector-database.js";
import { openssl } from "../../../needs/openssl.js";
import { elapse } from "../../../run/wait.js";
import { startRedis, type TestRedis } from "../feast/redis-server.js";
import { ATTRIBUTES, DIMENSION, exactly, type Item, makeItems, makeQueries, rowsOf } from "./items.js";
import { faultOf, load, open, redisStore, replace, upsertAll, withLoader } from "./redis-sets.js";

const items = makeItems(600);
const queries = makeQueries(12);
const PASSWORD = "p@ss word/1";
let server: TestRedis;

const urlOf = ({ port }: TestRedis, user = ""): string => `redis://${user}127.0.0.1:${port}`;
const withPassword = (password: string): string => `:${encodeURIComponent(password)}@`;

beforeAll(async () => {
  server = await startRedis(["--requirepass", PASSWORD], { password: PASSWORD });
  vi.stubEnv("TEST_REDIS_URL", urlOf(server, withPassword(PASSWORD)));
  await load(redisStore(), items);
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

const info = (fields: Partial<RedisVectorStore> = {}) => open(redisStore(fields), database => database.info());
const searchesOf = (filter: Filter = ALWAYS): VectorQuery[] => queries.map(vector => ({ vector, k: 5, filter }));
const idsOf = (rows: readonly Item[], asked: readonly VectorQuery[]): bigint[][] =>
  asked.map(query => exactly(rows, query).map(({ id }) => id));

test.each<[string, Partial<RedisVectorStore>, string, RegExp]>([
  [
    "a missing set",
    { key: "nothing" },
    "INVALID_ARGUMENT",
    /refuses: .*key does not exist\. Load it with `merlon vectors load`/,
  ],
  [
    "another dimension",
    { dimension: 9 },
    "INVALID_ARGUMENT",
    /the vectors of `items` have 8 values, and the file says 9\. Correct `dimension`, or delete it \(`DEL items items:merlon`\)/,
  ],
  [
    "an unknown attribute",
    { attributes: { colour: "string" } },
    "INVALID_ARGUMENT",
    /the items of `items` have no attribute `colour`\. Correct `attributes`: theirs are `stock`, `price`/,
  ],
  [
    "an attribute of a prototype",
    { attributes: JSON.parse('{"constructor":"string"}') as Record<string, "string"> },
    "INVALID_ARGUMENT",
    /have no attribute `constructor`/,
  ],
  [
    "another type",
    { attributes: { country: "int64" } },
    "INVALID_ARGUMENT",
    /attribute `country` of `items` is string, and the file says int64/,
  ],
  [
    "ids of another type",
    { ids: "string" },
    "INVALID_ARGUMENT",
    /the ids of `items` are int64, and the file says string/,
  ],
  [
    "an unset variable",
    { url: "${TEST_UNSET}" },
    "UNAVAILABLE",
    /the environment variable TEST_UNSET of `url` is not set/,
  ],
  [
    "a port without a server",
    { url: "redis://127.0.0.1:1" },
    "UNAVAILABLE",
    /cannot be reached: .*ECONNREFUSED.*Start it, or correct `url`/,
  ],
  [
    "an address of another kind",
    { url: "postgresql://127.0.0.1" },
    "INVALID_ARGUMENT",
    /`url` is not an address of Redis/,
  ],
  ["an address that is none", { url: "127.0.0.1:6379" }, "INVALID_ARGUMENT", /`url` is not an address/],
  ["an option of an address", { url: "redis://127.0.0.1?family=6" }, "INVALID_ARGUMENT", /`url` has options after/],
  [
    "a database by name",
    { url: "redis://127.0.0.1/shop" },
    "INVALID_ARGUMENT",
    /`url` has a database that is not a number/,
  ],
  [
    "a database that the server lacks",
    { url: "${TEST_REDIS_URL}/99" },
    "UNAVAILABLE",
    /DB index.*Correct the database in `url`/,
  ],
  [
    "TLS that the server lacks",
    { tls: true },
    "UNAVAILABLE",
    /did not answer a TLS handshake.*leave `tls` out for a server without TLS/,
  ],
])("%s is a fault that names the store and a way out", async (_, fields, code, message) => {
  const fault = await faultOf(info({ timeoutMs: 3000, ...fields }));
  expect(fault).toMatchObject({ code, message: expect.stringMatching(message) as string });
  expect(fault.message).toMatch(/^the vector store `items\.vectors\.yaml` \(redis, /);
  expect(JSON.stringify(fault) + fault.message).not.toContain(PASSWORD);
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
    expect((await faultOf(load(redisStore(of("text")), items))).message).toMatch(/WRONGTYPE.*Correct `key`/);
  });

  test.each(["abc", "", "0x10", "007", "9223372036854775808", "1e3", "-0"])("an item %j is not an int64", async id => {
    const client = server.client();
    await client.del("odd");
    const rest = ["NOQUANT", "SETATTR", "{}"];
    await client.call("VADD", "odd", "VALUES", DIMENSION, ...new Array<number>(DIMENSION).fill(1), id, ...rest);
    await client.set("odd:merlon", '{"version":1,"ids":"int64","attributes":{}}');
    const fault = await faultOf(open(redisStore(of("odd")), database => database.search(searchesOf())));
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
  expect((await faultOf(open(store, database => database.info()))).message).toMatch(message);
  expect((await faultOf(load(store, items))).message).toMatch(message);
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
  expect((await faultOf(load(store, makeItems(5000)))).message).toMatch(/OOM.*Raise `maxmemory` of the server/);
  await full.stop();
  const replica = await startRedis(["--replicaof", "127.0.0.1 1"]);
  vi.stubEnv("TEST_REDIS_OTHER", urlOf(replica));
  expect((await faultOf(load(store, items))).message).toMatch(/READONLY.*Write the address of the primary in `url`/);
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
  await load(own, items);
  expect(await open(own, database => database.info())).toMatchObject({ count: items.length });
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

test("a late search ends at its deadline, a cancelled one at once, and the next one is answered", async () => {
  const client = server.client();
  await client.call("ACL", "SETUSER", "searcher", "on", ">searches", "~*", "+@all");
  vi.stubEnv("TEST_REDIS_OTHER", urlOf(server, "searcher:searches@"));
  const connections = async (): Promise<number> =>
    String(await client.call("CLIENT", "LIST")).split("user=searcher").length - 1;
  await open(redisStore({ url: "${TEST_REDIS_OTHER}", timeoutMs: 700 }), async database => {
    const wanted = idsOf(items, searchesOf());
    await client.call("CLIENT", "PAUSE", 2500, "ALL");
    const signal = new Cancellable();
    const cancelled = faultOf(database.search(searchesOf(), signal));
    signal.abort();
    expect(await cancelled).toMatchObject({ code: "CANCELLED" });
    const late = await Promise.all([1, 2, 3].map(() => faultOf(database.search(searchesOf()))));
    for (const fault of late)
      expect(fault).toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringContaining("did not answer within 700 ms. Raise `timeoutMs`") as string,
      });
    // Late replies to searches would delay the next ones.
    await vi.waitFor(async () => expect(await connections()).toBe(0), { timeout: 10_000 });
    expect((await database.search(searchesOf())).map(({ ids }) => [...ids])).toEqual(wanted);
  });
}, 30_000);

test("connections that the server ended are opened again, and no search fails", async () => {
  await open(redisStore({ pool: 3 }), async database => {
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
  await load(store, items);
  await open(store, async database => {
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
  test("searches find the old items or the new ones, and never a mixture", async () => {
    const store = redisStore({ key: "swapped", index: "none" });
    const [old, next] = [items.slice(0, 300), items.slice(200, 600)];
    await load(store, old);
    const asked = searchesOf();
    const wholes = [old, next].map(rows => idsOf(rows, asked));
    const seen = new Set<number>();
    await open(store, async database => {
      let isDone = false;
      const user = async (): Promise<void> => {
        while (!isDone) {
          const found = await database.search(asked);
          for (const [i, { ids }] of found.entries()) {
            const which = wholes.findIndex(ids_ => String(ids_[i]) === String([...ids]));
            expect(which).not.toBe(-1);
            seen.add(which);
          }
        }
      };
      const users = [user(), user()];
      await vi.waitFor(() => expect(seen).toEqual(new Set([0])));
      expect(await replace(store, next)).toBe(200);
      await vi.waitFor(() => expect(seen).toEqual(new Set([0, 1])));
      isDone = true;
      await Promise.all(users);
      expect((await database.search(asked)).map(({ ids }) => [...ids])).toEqual(wholes[1]);
    });
    expect((await server.client().keys("swapped*")).sort()).toEqual(["swapped", "swapped:merlon"]);
  }, 60_000);

  test("a copy that the server evicted in part is not put in place", async () => {
    const store = redisStore({ key: "evicted" });
    await load(store, items.slice(0, 100));
    const client = server.client();
    const fault = await faultOf(
      withLoader(store, async loader => {
        await loader.create();
        await loader.swap!.begin();
        await upsertAll(loader, store, items);
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
    expect(await open(store, database => database.info())).toMatchObject({ count: 100 });
    expect((await client.keys("evicted*")).sort()).toEqual(["evicted", "evicted:merlon"]);
  });

  test("a set of other links takes no items", async () => {
    expect((await faultOf(load(redisStore({ links: 32 }), items))).message).toMatch(
      /the items of `items` have 16 links, and the file says 32\. Correct `links`, or delete it/,
    );
  });

  test("a file that lacks an attribute of the set's items adds none to it", async () => {
    const { stock: _, ...attributes } = ATTRIBUTES;
    expect((await faultOf(load(redisStore({ attributes }), items))).message).toMatch(
      /the items of `items` have an attribute `stock`, which the file lacks\. Add it to `attributes`/,
    );
  });
});

describe("a server that is killed", () => {
  const store = (): RedisVectorStore => redisStore({ url: "${TEST_REDIS_KILLED}", timeoutMs: 5000 });
  const asked = searchesOf({ attribute: "stock", is: ">=", value: 0n });

  /** Users who search until `isDone`; faults are counted by their code. */
  async function searchAcross(other: TestRedis, restart: (seen: Readonly<Record<string, number>>) => Promise<void>) {
    const wanted = idsOf(items, asked);
    const seen: Record<string, number> = { right: 0 };
    await open(store(), async database => {
      let isDone = false;
      const user = async (): Promise<void> => {
        while (!isDone) {
          const from = performance.now();
          try {
            const found = await database.search(asked);
            expect(found.map(({ ids }) => [...ids])).toEqual(wanted);
            seen["right"]!++;
          } catch (error) {
            const { code } = error as { code?: string };
            expect(["UNAVAILABLE", "INVALID_ARGUMENT"]).toContain(code);
            seen[code!] = (seen[code!] ?? 0) + 1;
            await elapse(20);
          }
          // The deadline, and a busy machine.
          expect(performance.now() - from).toBeLessThan(20_000);
        }
      };
      const users = [user(), user(), user()];
      await vi.waitFor(() => expect(seen["right"]).toBeGreaterThan(3), { timeout: 20_000 });
      await other.kill();
      await vi.waitFor(() => expect(seen["UNAVAILABLE"]).toBeGreaterThan(3), { timeout: 20_000 });
      await restart(seen);
      const before = seen["right"]!;
      await vi.waitFor(() => expect(seen["right"]).toBeGreaterThan(before + 3), { timeout: 30_000 });
      isDone = true;
      await Promise.all(users);
    });
    return seen;
  }

  test("with its data on disk: searches are right again once it is started", async () => {
    const other = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
    vi.stubEnv("TEST_REDIS_KILLED", urlOf(other));
    await load(store(), items);
    const seen = await searchAcross(other, () => other.restart());
    expect(seen["INVALID_ARGUMENT"]).toBeUndefined();
    await other.stop();
  }, 120_000);

  test("without its data: searches say that the set is missing until it is loaded again", async () => {
    const other = await startRedis();
    vi.stubEnv("TEST_REDIS_KILLED", urlOf(other));
    await load(store(), items);
    await searchAcross(other, async seen => {
      await other.restart();
      await vi.waitFor(() => expect(seen["INVALID_ARGUMENT"]).toBeGreaterThan(3), { timeout: 20_000 });
      await replace(store(), items);
    });
    await other.stop();
  }, 120_000);
});

// Milvus' protocol with milvus-lite, a real server: conditions, hostile values, batches, replacing all items, faults, and a server that is killed.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { MilvusClient } from "@zilliz/milvus2-sdk-node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { ALWAYS, type Filter } from "#contract/vector-filter/filter.js";
import { type MilvusStore, parseVectorStore } from "#formats/vectors/vector-store.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { loadCollection } from "#runtime/stores/databases/milvus/load-collection.js";
import { openVectorDatabase, openVectorLoader } from "#runtime/stores/databases/open-database.js";
import type { VectorQuery } from "#runtime/stores/databases/vector-database.js";
import { elapse } from "../../../run/wait.js";
import { makeCertificates } from "../../client/certificates.js";
import { type Gate, startGate } from "./grpc-gate.js";
import {
  ATTRIBUTES,
  DIMENSION,
  exactly,
  filters,
  HOSTILE,
  hostileTexts,
  makeItems,
  makeQueries,
  recall,
  rowsOf,
} from "./items.js";
import { startMilvus, type TestMilvus } from "./milvus-server.js";
import { FILE, faultOf, loadItems, replaceItems, withDatabase } from "./stores.js";

const items = makeItems(2000);
const queries = makeQueries(40);
let server: TestMilvus;
beforeAll(async () => {
  server = await startMilvus();
  vi.stubEnv("TEST_MILVUS_URL", server.url);
  vi.stubEnv("TEST_MILVUS_BY_NAME", server.url.replace("127.0.0.1", "localhost"));
  expect(await loadItems(storeOf(), items)).toBe(true);
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

const storeOf = (fields: Partial<MilvusStore> = {}): MilvusStore =>
  parseVectorStore(
    JSON.stringify({
      type: "milvus",
      url: "${TEST_MILVUS_URL}",
      collection: "items",
      dimension: DIMENSION,
      attributes: ATTRIBUTES,
      index: "none",
      timeoutMs: 20_000,
      ...fields,
    }),
  ) as MilvusStore;

async function withClient<T>(use: (client: MilvusClient) => Promise<T>, address = server.url): Promise<T> {
  const client = new MilvusClient({ address, __SKIP_CONNECT__: true, logLevel: "error" });
  try {
    return await use(client);
  } finally {
    await client.closeConnection();
  }
}

const all = (filter: Filter): VectorQuery[] => queries.map(vector => ({ vector, k: 10, filter }));

const prefixes: fc.Arbitrary<Filter> = fc.record({
  attribute: fc.constant("country"),
  text: fc.constant("startsWith"),
  value: fc.constantFrom("", "O'", '"', "\\", "%", "1", "🙂", "d", "*", "\u{10FFFF}", "\uD7FF", "back\\slash\\"),
  negated: fc.boolean(),
}) as fc.Arbitrary<Filter>;

describe("a collection", () => {
  test("finds what an exact search finds, for random conditions on hostile values", async () => {
    await withDatabase(storeOf(), async database => {
      await fc.assert(
        fc.asyncProperty(fc.array(filters(prefixes), { minLength: 1, maxLength: 6 }), async some => {
          const asked = some.map((filter, i) => ({ vector: queries[i]!, k: 7, filter }));
          const found = await database.search(asked);
          asked.forEach((query, i) => {
            expect([...found[i]!.ids]).toEqual(exactly(items, query).map(({ id }) => id));
          });
        }),
        { numRuns: 60, seed: 11 },
      );
    });
  }, 240_000);

  test.each(HOSTILE)("the text %j is itself alone", async text => {
    await withDatabase(storeOf(), async database => {
      for (const filter of [
        { attribute: "country", is: "=", value: text } as const,
        { attribute: "country", among: [text, "unknown"], negated: false } as const,
        { attribute: "country", text: "startsWith", value: text, negated: false } as const,
      ]) {
        const query = { vector: queries[0]!, k: 3000, filter };
        const [found] = await database.search([query]);
        expect(new Set(found!.ids as BigInt64Array)).toEqual(new Set(exactly(items, query).map(({ id }) => id)));
      }
    });
  });

  test("no text of a user changes what a condition means", async () => {
    const filterOf = (text: string, i: number): Filter =>
      [
        { attribute: "country", is: "=", value: text } as const,
        { attribute: "country", is: "!=", value: text } as const,
        { attribute: "country", among: [text, "de"], negated: i % 8 < 4 } as const,
        { attribute: "country", text: "startsWith", value: text, negated: i % 8 < 4 } as const,
      ][i % 4]!;
    const texts = fc.sample(hostileTexts, { numRuns: 160, seed: 5 });
    const asked = texts.map((text, i) => ({ vector: queries[i % 40]!, k: 7, filter: filterOf(text, i) }));
    const found = await withDatabase(storeOf(), database => database.search(asked));
    for (const [i, query] of asked.entries())
      expect([texts[i], [...found[i]!.ids]]).toEqual([texts[i], exactly(items, query).map(({ id }) => id)]);
  }, 120_000);

  test("answers a batch of users as each of them alone", async () => {
    const asked = queries.map(
      (vector, i): VectorQuery => ({
        vector,
        k: 1 + (i % 9),
        filter: [
          ALWAYS,
          { attribute: "stock", is: ">", value: BigInt(20 * i) } as const,
          { attribute: "country", is: "=", value: "$1" } as const,
          { attribute: "stock", is: ">", value: 5000n } as const,
        ][i % 4]!,
      }),
    );
    await withDatabase(storeOf(), async database => {
      const together = await database.search(asked);
      for (const [i, query] of asked.entries()) {
        const [alone] = await database.search([query]);
        expect(alone!.ids).toEqual(together[i]!.ids);
        // Sums of floats depend on how many vectors are multiplied at once.
        for (const [at, distance] of alone!.distances.entries())
          expect(distance).toBeCloseTo(together[i]!.distances[at]!, 6);
      }
    });
  }, 60_000);

  test.each([
    ["cosine", (d: number) => d],
    ["ip", (d: number) => d],
    ["l2", (d: number) => 2 - 2 * d],
  ] as const)("distances by %s", async (metric, of) => {
    const store = storeOf({ metric, collection: `by_${metric}` });
    await loadItems(store, items.slice(0, 300));
    const query = { vector: queries[0]!, k: 5, filter: ALWAYS };
    const [found] = await withDatabase(store, database => database.search([query]));
    const wanted = exactly(items.slice(0, 300), query);
    expect([...found!.ids]).toEqual(wanted.map(({ id }) => id));
    for (const [i, { score }] of wanted.entries()) expect(found!.distances[i]).toBeCloseTo(of(score), 5);
  });

  test("is described", async () => {
    expect(await withDatabase(storeOf(), database => database.info())).toMatchObject({
      count: items.length,
      index: "flat",
      server: expect.stringMatching(/^Milvus /) as string,
    });
  });
});

describe("integers and floats at their limits", () => {
  const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];
  const longs = [LEAST, LEAST + 1n, -1n, 0n, 2n ** 53n, 2n ** 53n + 1n, MOST - 1n, MOST, undefined];
  const shorts = [-(2n ** 31n), -1n, 0n, 2n ** 31n - 1n, 7n, undefined, 1n, 2n, 3n];
  const floats = [0.1, -0.1, 1e-7, 1e38, 2 ** 24, 0, undefined, 2.5, -1e-30].map(x => x && Math.fround(x));
  const attributes = { long: "int64", short: "int32", float: "float32" } as const;
  const store = (): MilvusStore => storeOf({ collection: "limits", attributes, dimension: 2 });
  const at = (i: number): bigint => [-9n, 2n ** 53n + 1n, MOST, LEAST + 1n][i] ?? BigInt(i);
  beforeAll(async () => {
    const loader = await openVectorLoader(store(), FILE);
    await loader.create();
    await loader.upsert({
      ids: longs.map((_, i) => at(i)),
      vectors: Float32Array.from({ length: 2 * longs.length }, (_, i) => 1 + i),
      attributes: new Map<string, readonly (bigint | number | undefined)[]>(
        Object.entries({ long: longs, short: shorts, float: floats }),
      ),
    });
    await loader.finish();
    await loader.close();
  });

  const ORDERS = {
    "<": (a: number | bigint, b: number | bigint) => a < b,
    "<=": (a: number | bigint, b: number | bigint) => a <= b,
    ">": (a: number | bigint, b: number | bigint) => a > b,
    ">=": (a: number | bigint, b: number | bigint) => a >= b,
    "=": (a: number | bigint, b: number | bigint) => a === b,
    "!=": (a: number | bigint, b: number | bigint) => a !== b,
  };
  test.each([
    ["long", longs, [LEAST, LEAST + 1n, 0n, 2n ** 53n, 2n ** 53n + 1n, MOST]],
    ["short", shorts, [LEAST, -(2n ** 31n) - 1n, -(2n ** 31n), 0n, 2n ** 31n - 1n, 2n ** 31n, MOST]],
    ["float", floats, [0.1, -0.1, Math.fround(0.1), 1e-7, 1e300, -1e300, 3.4e38, 2 ** 24 + 1, 0, -0, 5e-324]],
  ] as const)(
    "%s",
    async (attribute, values, bounds) => {
      await withDatabase(store(), async database => {
        for (const value of bounds)
          for (const [is, holds] of Object.entries(ORDERS)) {
            const filter = { attribute, is, value } as Filter;
            const [found] = await database.search([{ vector: Float32Array.of(1, 1), k: 20, filter }]);
            const wanted = values.flatMap((x, i) => (x !== undefined && holds(x, value) ? [at(i)] : []));
            expect([is, value, [...(found!.ids as BigInt64Array)].sort()]).toEqual([is, value, wanted.sort()]);
          }
        for (const negated of [false, true]) {
          const filter: Filter = { attribute, among: [...bounds], negated };
          const [found] = await database.search([{ vector: Float32Array.of(1, 1), k: 20, filter }]);
          const among: readonly unknown[] = bounds;
          const wanted = values.flatMap((x, i) => (x !== undefined && among.includes(x) !== negated ? [at(i)] : []));
          expect([...(found!.ids as BigInt64Array)].sort()).toEqual(wanted.sort());
        }
      });
    },
    60_000,
  );
});

test("text ids are exact, and a text that is too long is refused with its id", async () => {
  const store = storeOf({ collection: "texts", ids: "string", dimension: 1, attributes: { name: "string" } });
  const loader = await openVectorLoader(store, FILE);
  await loader.create();
  const rows = { ids: HOSTILE, vectors: new Float32Array(HOSTILE.length).fill(1) };
  await loader.upsert({ ...rows, attributes: new Map([["name", HOSTILE]]) });
  await loader.finish();
  const long = loader.upsert({
    ids: ["x"],
    vectors: Float32Array.of(1),
    attributes: new Map([["name", ["é".repeat(32_768)]]]),
  });
  expect(await faultOf(long)).toMatchObject({
    message: expect.stringContaining("`name` of the id x has 65536 bytes, and a text has at most 65535") as string,
  });
  await loader.close();
  await withDatabase(store, async database => {
    const filter = { attribute: "name", missing: false } as const;
    const [found] = await database.search([{ vector: Float32Array.of(1), k: 100, filter }]);
    expect([...found!.ids].sort()).toEqual([...HOSTILE].sort());
  });
});

test("an index finds at least 98 of 100 exact hits, whatever part of the items a condition keeps", async () => {
  const many = makeItems(5000, 5, 16);
  // milvus-lite reads some segments through the index and compares others one by one. The index alone, with the default `efSearch`, finds fewer.
  const store = storeOf({ collection: "indexed", dimension: 16, index: "hnsw", efSearch: many.length });
  await loadItems(store, many);
  const vectors = makeQueries(30, 9, 16);
  await withDatabase(store, async database => {
    expect((await database.info()).index).toBe("hnsw");
    for (const below of [1000n, 500n, 10n, 1n]) {
      const filter = { attribute: "stock", is: "<", value: below } as const;
      const asked = vectors.map(vector => ({ vector, k: 20, filter }));
      expect(recall(many, asked, await database.search(asked))).toBeGreaterThanOrEqual(0.98);
    }
  });
}, 180_000);

test("all items are replaced at once: each search finds the old ones or the new ones", async () => {
  const store = storeOf({ collection: "replaced" });
  const [old, now] = [items.slice(0, 200), items.slice(100, 400)];
  await loadItems(store, old);
  const wanted = [old, now].map(some => all(ALWAYS).map(query => exactly(some, query).map(({ id }) => id)));
  await withDatabase(store, async database => {
    const seen = [0, 0];
    let isDone = false;
    const client = async (): Promise<void> => {
      while (!isDone) {
        const found = (await database.search(all(ALWAYS))).map(({ ids }) => [...ids]);
        const which = wanted.findIndex(hits => JSON.stringify(hits, texts) === JSON.stringify(found, texts));
        expect(which).toBeGreaterThanOrEqual(0);
        seen[which]!++;
      }
    };
    const clients = [client(), client()];
    await vi.waitFor(() => expect(seen[0]).toBeGreaterThan(2), { timeout: 20_000 });
    expect(await replaceItems(store, now)).toBe(100);
    await vi.waitFor(() => expect(seen[1]).toBeGreaterThan(2), { timeout: 20_000 });
    isDone = true;
    await Promise.all(clients);
    expect((await database.info()).count).toBe(now.length);
  });
}, 120_000);
const texts = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);

test("a load that ends early leaves the old items, and no copy", async () => {
  const store = storeOf({ collection: "kept" });
  await loadItems(store, items.slice(0, 50));
  const loader = await openVectorLoader(store, FILE);
  expect(await loader.create()).toBe(false);
  await loader.swap!.begin();
  await loader.upsert(rowsOf(items.slice(0, 20)));
  await loader.close();
  expect(await withDatabase(store, database => database.info())).toMatchObject({ count: 50 });
  await withClient(async client => {
    const names = (await client.showCollections()).data.map(({ name }) => name);
    const [made, ...others] = names.filter(name => name.startsWith("kept"));
    expect(others).toEqual([]);
    await client.renameCollection({ collection_name: made!, new_collection_name: "named" });
  });
  const named = await openVectorLoader(storeOf({ collection: "named" }), FILE);
  await expect(named.swap!.begin()).rejects.toThrow(/`named` is a collection, .* give it the alias `named`/);
  await named.close();
});

test.each<[string, Partial<MilvusStore>, string, RegExp]>([
  [
    "a missing collection",
    { collection: "nothing" },
    "INVALID_ARGUMENT",
    /has no collection `nothing`\. Make it with `merlon vectors load`/,
  ],
  [
    "another dimension",
    { dimension: 9 },
    "INVALID_ARGUMENT",
    /field `embedding` of collection `items` is FloatVector\(8\), and the file says FloatVector\(9\)\. Correct `dimension`/,
  ],
  [
    "an unknown attribute",
    { attributes: { colour: "string" } },
    "INVALID_ARGUMENT",
    /has no field `colour`\. Correct `attributes`: its fields are `id`/,
  ],
  [
    "another type",
    { attributes: { country: "int64" } },
    "INVALID_ARGUMENT",
    /field `country` .* is VarChar, and the file says Int64/,
  ],
  ["ids of another type", { ids: "string" }, "INVALID_ARGUMENT", /field `id` .* is Int64, and the file says VarChar/],
  ["another key", { idField: "stock", ids: "int64" }, "INVALID_ARGUMENT", /field `stock` .* is Int32/],
  [
    "another metric",
    { metric: "l2" },
    "INVALID_ARGUMENT",
    /index of collection `items` compares by COSINE, and the file says L2\. Correct `metric`/,
  ],
  ["an unset variable", { url: "${TEST_UNSET}" }, "UNAVAILABLE", /variable TEST_UNSET of `url` is not set/],
  ["an unset key", { apiKey: "${TEST_UNSET}" }, "UNAVAILABLE", /variable TEST_UNSET of `apiKey` is not set/],
  [
    "a port without a server",
    { url: "http://127.0.0.1:1" },
    "UNAVAILABLE",
    /cannot be reached: .*ECONNREFUSED.*Start it, or correct `url`/,
  ],
  ["an address of another kind", { url: "redis://127.0.0.1" }, "INVALID_ARGUMENT", /`url` is not an address of Milvus/],
  ["TLS that the server lacks", { url: "${TEST_MILVUS_BY_NAME}", tls: true }, "UNAVAILABLE", /leave `tls` out/],
  // Node 26 takes no address for TLS.
  ["TLS, by address", { tls: true }, "UNAVAILABLE", /leave `tls` out|Write the name of the host in `url`/],
])("%s is a fault that names the store and a way out", async (_, fields, code, message) => {
  const fault = await faultOf(openVectorDatabase(storeOf(fields), FILE));
  expect(fault).toMatchObject({ code, message: expect.stringMatching(message) as string });
  expect(fault.message).toMatch(/^the vector store `items\.vectors\.yaml` \(milvus, /);
});

test("a collection that is not loaded is a fault, and loading items loads it", async () => {
  const store = storeOf({ collection: "released" });
  await loadItems(store, items.slice(0, 20));
  await withDatabase(store, async database => {
    await withClient(client => client.releaseCollection({ collection_name: "released" }));
    expect(await faultOf(database.search(all(ALWAYS)))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("Load it in Milvus, or run `merlon vectors load`.") as string,
    });
  });
  expect(await faultOf(openVectorDatabase(store, FILE))).toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("collection `released` is not loaded. Load it in Milvus, or run") as string,
  });
  expect(await loadItems(store, items.slice(0, 21))).toBe(false);
  expect((await withDatabase(store, database => database.search(all(ALWAYS))))[0]!.ids).toHaveLength(10);
  expect(await withDatabase(store, database => database.info())).toMatchObject({ count: 21 });
});

test.each([
  ["loads at once", ["LoadStateLoading", "LoadStateLoading", "LoadStateLoaded"], 1],
  ["forgets a load", ["LoadStateNotLoad", "LoadStateLoading", "LoadStateNotLoad", "LoadStateLoaded"], 3],
])("a server that %s is waited for", async (_, states, wanted) => {
  let loads = 0;
  const left = [...states];
  const status = { error_code: "Success", code: 0, reason: "" };
  const client = {
    loadCollectionAsync: () => {
      loads++;
      return Promise.resolve(status);
    },
    getLoadState: () => Promise.resolve({ status, state: left.shift() }),
  };
  await loadCollection(client as unknown as MilvusClient, "items", 60_000);
  expect([loads, left]).toEqual([wanted, []]);
});

test("a load that is refused, or has no end, is an error", async () => {
  const status = { error_code: "Success", code: 0, reason: "" };
  const refused = { error_code: "Success", code: 65_535, reason: "out of memory" };
  const client = (load: object): MilvusClient =>
    ({
      loadCollectionAsync: () => Promise.resolve(load),
      getLoadState: () => Promise.resolve({ status, state: "LoadStateNotLoad" }),
    }) as unknown as MilvusClient;
  await expect(loadCollection(client(refused), "items", 60_000)).rejects.toThrow("out of memory");
  await expect(loadCollection(client(status), "items", 150)).rejects.toThrow("`items` is not loaded after 0.15 s");
});

test("a response of 2 GiB is refused by its length", async () => {
  const server = createHttp2Server().on("stream", stream => {
    stream.on("error", () => {}).respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write(Buffer.from("007fffffff", "hex"));
  });
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  const store = storeOf({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  expect((await faultOf(openVectorDatabase(store, FILE))).message).toContain(
    "refuses: Received message larger than max",
  );
});

test("a store that was closed has no connections", async () => {
  const open = new Set<Socket>();
  const proxy = createServer(socket => {
    open.add(socket);
    const inner = connect(server.port, "127.0.0.1");
    for (const one of [socket, inner]) one.on("error", () => {});
    socket
      .pipe(inner)
      .pipe(socket)
      .once("close", () => open.delete(socket));
  });
  await new Promise<void>(done => proxy.listen(0, "127.0.0.1", done));
  const store = storeOf({ url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, pool: 1 });
  for (let i = 0; i < 3; i++)
    await withDatabase(store, async database => {
      await database.search(all(ALWAYS));
      expect(open.size).toBe(1);
    });
  await vi.waitFor(() => expect(open.size).toBe(0));
  proxy.close();
});

describe("behind TLS with client certificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-milvus-tls-"));
  const TOKEN = "key-of-a-test:ü";
  let gate: Gate;
  beforeAll(async () => {
    makeCertificates(folder, ["server", "client"], "localhost");
    gate = await startGate(folder, server.port, Buffer.from(TOKEN).toString("base64"));
    vi.stubEnv("TEST_MILVUS_KEY", TOKEN);
    vi.stubEnv("TEST_MILVUS_BAD", "sesame-open");
    await withClient(client => client.createDatabase({ db_name: "shop" }));
    await loadItems(gated(), items.slice(0, 30));
  }, 60_000);
  afterAll(() => {
    gate.close();
    rmSync(folder, { recursive: true });
  });
  const gated = (fields: Partial<MilvusStore> = {}): MilvusStore => {
    const tls = Object.fromEntries(
      [["ca", "root.pem"] as const, ["cert", "client.pem"] as const, ["key", "client.key"] as const].map(
        ([name, file]) => [name, join(folder, file)],
      ),
    );
    return storeOf({ url: `https://localhost:${gate.port}/shop`, apiKey: "${TEST_MILVUS_KEY}", tls, ...fields });
  };

  test("searches with a key, in the database of the address", async () => {
    const [found] = await withDatabase(gated(), database =>
      database.search([{ vector: queries[0]!, k: 3, filter: ALWAYS }]),
    );
    expect(found!.ids).toHaveLength(3);
    // Another test names one that does not exist.
    expect([...gate.databases].filter(name => name !== "nowhere")).toEqual(["shop"]);
  });

  test("a user and a password are the same as a key of both", async () => {
    const url = `https://key-of-a-test:%C3%BC@localhost:${gate.port}/shop`;
    vi.stubEnv("TEST_MILVUS_AUTH", url);
    const { apiKey: _, ...store } = gated({ url: "${TEST_MILVUS_AUTH}" });
    expect(await withDatabase(store, database => database.info())).toMatchObject({ count: 30 });
  });

  test("a database that does not exist is a fault", async () => {
    const url = `https://localhost:${gate.port}/nowhere`;
    await expect(openVectorDatabase(gated({ url }), FILE)).rejects.toThrow(/database 'nowhere' does not exist/);
  });

  test("a wrong key is a fault that does not show it", async () => {
    const fault = await faultOf(openVectorDatabase(gated({ apiKey: "${TEST_MILVUS_BAD}" }), FILE));
    expect(fault).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(
        /auth check failure.*Correct `apiKey`, or the user and password in `url`/,
      ) as string,
    });
    const shown = JSON.stringify(fault) + String(fault) + inspect(fault);
    expect(shown).not.toMatch(/sesame|c2VzYW1l/);
  });

  test.each([
    ["an unknown authority", { tls: true }],
    ["a missing client certificate", { tls: { ca: join(folder, "root.pem") } }],
  ])("%s is a fault", async (_, fields) => {
    expect(await faultOf(openVectorDatabase(gated(fields), FILE))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/cannot be reached/) as string,
    });
  });
});

test("a cancelled search ends at once", async () => {
  await withDatabase(storeOf(), async database => {
    const signal = new Cancellable();
    const cancelled = faultOf(database.search(all(ALWAYS), signal));
    signal.abort();
    expect(await cancelled).toMatchObject({ code: "CANCELLED" });
    expect((await database.search(all(ALWAYS)))[0]!.ids).toHaveLength(10);
  });
});

test("searches go on after the server was killed and started again, and none is wrong", async () => {
  // A server of its own: milvus-lite forgets what the other tests have loaded.
  const mortal = await startMilvus();
  onTestFinished(() => mortal.stop());
  const survivors = items.slice(0, 300);
  const here = { url: mortal.url, collection: "survivors" };
  await loadItems(storeOf(here), survivors);
  const asked = all({ attribute: "stock", is: ">=", value: 0n });
  const wanted = asked.map(query => exactly(survivors, query).map(({ id }) => id));
  const seen = { right: 0, away: 0 };
  await withDatabase(storeOf({ ...here, timeoutMs: 5000 }), async database => {
    let isDone = false;
    const client = async (): Promise<void> => {
      while (!isDone) {
        try {
          const found = await database.search(asked);
          expect(found.map(({ ids }) => [...ids])).toEqual(wanted);
          seen.right++;
        } catch (error) {
          expect(error).toMatchObject({ code: "UNAVAILABLE" });
          seen.away++;
          await elapse(20);
        }
      }
    };
    const clients = [client(), client(), client()];
    await vi.waitFor(() => expect(seen.right).toBeGreaterThan(3), { timeout: 20_000 });
    await mortal.kill();
    await vi.waitFor(() => expect(seen.away).toBeGreaterThan(3), { timeout: 20_000 });
    await mortal.restart();
    // Milvus keeps what is loaded; milvus-lite does not.
    await withClient(client => loadCollection(client, "survivors", 20_000), mortal.url);
    const before = seen.right;
    await vi.waitFor(() => expect(seen.right).toBeGreaterThan(before + 3), { timeout: 30_000 });
    isDone = true;
    await Promise.all(clients);
  });
}, 180_000);

// Milvus' protocol with milvus-lite, a real server: the contract of vector stores, integers at their limits, loading, keys and certificates.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { MilvusClient } from "@zilliz/milvus2-sdk-node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { ALWAYS, type Filter } from "#contract/vector-filter/filter.js";
import type { VectorStore } from "#formats/vectors/vector-store.js";
import { loadCollection } from "#runtime/stores/databases/milvus/load-collection.js";
import { openVectorDatabase, openVectorLoader } from "#runtime/stores/databases/open-database.js";
import { makeCertificates } from "../../client/certificates.js";
import { startLossyProxy } from "../lossy-proxy.js";
import { vectorStoreContract } from "./contract.js";
import { type Gate, startGate } from "./grpc-gate.js";
import { HOSTILE, makeItems, makeQueries, rowsOf } from "./items.js";
import { startMilvus, type TestMilvus } from "./milvus-server.js";
import { FILE, faultOf, loadItems, withDatabase } from "./stores.js";

const prefixes: fc.Arbitrary<Filter> = fc.record({
  attribute: fc.constant("country"),
  text: fc.constant("startsWith"),
  value: fc.constantFrom("", "O'", '"', "\\", "%", "1", "🙂", "d", "*", "\u{10FFFF}", "\uD7FF", "back\\slash\\"),
  negated: fc.boolean(),
}) as fc.Arbitrary<Filter>;

const { storeOf, server } = vectorStoreContract<TestMilvus>({
  type: "milvus",
  start: startMilvus,
  url: port => `http://127.0.0.1:${port}`,
  named: collection => ({ collection }),
  metrics: ["cosine", "ip", "l2"],
  leaves: prefixes,
  // milvus-lite reads some segments through the index and compares others one by one. The index alone, with the default `efSearch`, finds fewer.
  indexed: { count: 5000, fields: [{ efSearch: 5000 }], index: /^hnsw$/ },
  swaps: true,
  lists: false,
  info: { index: "flat", server: expect.stringMatching(/^Milvus /) },
  // Milvus keeps what is loaded; milvus-lite does not.
  restarted: ({ url }, name) => withClient(client => loadCollection(client, name, 20_000), url),
  faults: [
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
    ["an unset key", { apiKey: "${TEST_UNSET}" }, "UNAVAILABLE", /variable TEST_UNSET of `apiKey` is not set/],
    // Node 26 takes no address for TLS.
    ["TLS that the server lacks", { tls: true }, "UNAVAILABLE", /leave `tls` out|Write the name of the host in `url`/],
  ],
});
const searches = makeQueries(2).map(vector => ({ vector, k: 10, filter: ALWAYS }));

async function withClient<T>(use: (client: MilvusClient) => Promise<T>, address: string = server().url): Promise<T> {
  const client = new MilvusClient({ address, __SKIP_CONNECT__: true, logLevel: "error" });
  try {
    return await use(client);
  } finally {
    await client.closeConnection();
  }
}

describe("integers and floats at their limits", () => {
  const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];
  const longs = [LEAST, LEAST + 1n, -1n, 0n, 2n ** 53n, 2n ** 53n + 1n, MOST - 1n, MOST, undefined];
  const shorts = [-(2n ** 31n), -1n, 0n, 2n ** 31n - 1n, 7n, undefined, 1n, 2n, 3n];
  const floats = [0.1, -0.1, 1e-7, 1e38, 2 ** 24, 0, undefined, 2.5, -1e-30].map(x => x && Math.fround(x));
  const attributes = { long: "int64", short: "int32", float: "float32" } as const;
  const store = (): VectorStore => storeOf("limits", { attributes, dimension: 2 });
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
  const store = storeOf("texts", { ids: "string", dimension: 1, attributes: { name: "string" } });
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

test("a load that ends early leaves no copy, and a collection that its owner named is not replaced", async () => {
  await loadItems(storeOf("partly"), makeItems(50));
  const loader = await openVectorLoader(storeOf("partly"), FILE);
  await loader.create();
  await loader.swap!.begin();
  await loader.upsert(rowsOf(makeItems(20)));
  await loader.close();
  await withClient(async client => {
    const names = (await client.showCollections()).data.map(({ name }) => name);
    const [made, ...others] = names.filter(name => name.startsWith("partly"));
    expect(others).toEqual([]);
    await client.renameCollection({ collection_name: made!, new_collection_name: "named" });
  });
  const named = await openVectorLoader(storeOf("named"), FILE);
  await expect(named.swap!.begin()).rejects.toThrow(/`named` is a collection, .* give it the alias `named`/);
  await named.close();
});

test("a collection that is not loaded is a fault, and loading items loads it", async () => {
  const store = storeOf("released");
  await loadItems(store, makeItems(20));
  await withDatabase(store, async database => {
    await withClient(client => client.releaseCollection({ collection_name: "released" }));
    expect(await faultOf(database.search(searches))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("Load it in Milvus, or run `merlon vectors load`.") as string,
    });
  });
  expect(await faultOf(openVectorDatabase(store, FILE))).toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("collection `released` is not loaded. Load it in Milvus, or run") as string,
  });
  expect(await loadItems(store, makeItems(21))).toBe(false);
  expect((await withDatabase(store, database => database.search(searches)))[0]!.ids).toHaveLength(10);
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
  const store = storeOf("items", { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  expect((await faultOf(openVectorDatabase(store, FILE))).message).toContain(
    "refuses: Received message larger than max",
  );
});

test("a store that was closed has no connections", async () => {
  const proxy = await startLossyProxy(server().port);
  for (let i = 0; i < 3; i++)
    await withDatabase(storeOf("items", { url: `http://127.0.0.1:${proxy.port}`, pool: 1 }), async database => {
      await database.search(searches);
      expect(proxy.open()).toBe(1);
    });
  await vi.waitFor(() => expect(proxy.open()).toBe(0));
});

describe("behind TLS with client certificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-milvus-tls-"));
  const TOKEN = "key-of-a-test:ü";
  let gate: Gate;
  beforeAll(async () => {
    makeCertificates(folder, ["server", "client"], "localhost");
    gate = await startGate(folder, server().port, Buffer.from(TOKEN).toString("base64"));
    vi.stubEnv("TEST_MILVUS_KEY", TOKEN);
    vi.stubEnv("TEST_MILVUS_BAD", "sesame-open");
    await withClient(client => client.createDatabase({ db_name: "shop" }));
    await loadItems(gated(), makeItems(30));
  }, 60_000);
  afterAll(() => {
    gate.close();
    rmSync(folder, { recursive: true });
  });
  const gated = (fields: object = {}): VectorStore => {
    const tls = Object.fromEntries(
      [["ca", "root.pem"] as const, ["cert", "client.pem"] as const, ["key", "client.key"] as const].map(
        ([name, file]) => [name, join(folder, file)],
      ),
    );
    return storeOf("items", {
      url: `https://localhost:${gate.port}/shop`,
      apiKey: "${TEST_MILVUS_KEY}",
      tls,
      ...fields,
    });
  };

  test("searches with a key, in the database of the address", async () => {
    const [found] = await withDatabase(gated(), database =>
      database.search([{ vector: makeQueries(1)[0]!, k: 3, filter: ALWAYS }]),
    );
    expect(found!.ids).toHaveLength(3);
    // Another test names one that does not exist.
    expect([...gate.databases].filter(name => name !== "nowhere")).toEqual(["shop"]);
  });

  test("a user and a password are the same as a key of both", async () => {
    const url = `https://key-of-a-test:%C3%BC@localhost:${gate.port}/shop`;
    vi.stubEnv("TEST_MILVUS_AUTH", url);
    const { apiKey: _, ...store } = gated({ url: "${TEST_MILVUS_AUTH}" }) as VectorStore & { apiKey: unknown };
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

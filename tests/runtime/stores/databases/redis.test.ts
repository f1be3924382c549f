// Redis 8 vector sets, on a real server: the contract of vector stores, numbers and ids at their limits, and precisions. Faults are in redis-faults.test.ts.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ALWAYS, type Filter, type Scalar } from "#contract/vector-filter/filter.js";
import type { RedisVectorStore, VectorStore } from "#formats/vectors/vector-store.js";
import { startRedis, type TestRedis } from "../feast/redis-server.js";
import { vectorStoreContract } from "./contract.js";
import { ATTRIBUTES, exactly, type Item, makeItems, makeQueries, recall } from "./items.js";
import { faultOf, loadItems, withDatabase, withLoader } from "./stores.js";

const { storeOf } = vectorStoreContract<TestRedis>({
  type: "redis",
  start: startRedis,
  startDurable: () => startRedis(["--appendonly", "yes", "--appendfsync", "always"]),
  url: port => `redis://127.0.0.1:${port}`,
  named: key => ({ key }),
  metrics: ["cosine"],
  indexed: { count: 16_000, fields: [{ efConstruction: 100 }, { filterEf: 1500 }], index: /^hnsw with 16 links$/ },
  swaps: true,
  lists: true,
  info: { attributes: ATTRIBUTES },
  faults: [
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
    ["an address that is none", { url: "127.0.0.1:6379" }, "INVALID_ARGUMENT", /`url` is not an address/],
    ["an option of an address", { url: "redis://127.0.0.1?family=6" }, "INVALID_ARGUMENT", /`url` has options after/],
    [
      "a database by name",
      { url: "redis://127.0.0.1/shop" },
      "INVALID_ARGUMENT",
      /`url` has a database that is not a number/,
    ],
    [
      "TLS that the server lacks",
      { tls: true },
      "UNAVAILABLE",
      /did not answer a TLS handshake.*leave `tls` out for a server without TLS/,
    ],
  ],
});

const items = makeItems(1000);
const queries = makeQueries(40);
/** Exact searches. */
const exact = ({ key = "items", ...fields }: Partial<RedisVectorStore> = {}): RedisVectorStore =>
  storeOf(key, fields) as RedisVectorStore;

test("a list of many values is searched, and a longer one is refused", async () => {
  const among = Array.from({ length: 4096 }, (_, i) => BigInt(2 * i));
  const query = { vector: queries[1]!, k: 9, filter: { attribute: "stock", among, negated: false } as const };
  await withDatabase(exact(), async database => {
    expect([...(await database.search([query]))[0]!.ids]).toEqual(exactly(items, query).map(({ id }) => id));
    const longer: Filter = { any: [query.filter, { ...query.filter, among: [1n] }] };
    expect(await faultOf(database.search([{ ...query, filter: longer }]))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/has 4097 values in lists.*at most 4096 are sent\. Send shorter lists/) as string,
    });
  });
}, 60_000);

/** Items whose attributes are given; the vectors do not matter. */
const withAttributes = (attributes: readonly Item["attributes"][]): Item[] =>
  makeItems(attributes.length, 3).map((item, i) => ({ ...item, attributes: attributes[i]! }));

/** Loads items, and compares the hits of filters with JavaScript. */
async function compareAll(key: string, rows: readonly Item[], some: readonly Filter[]): Promise<void> {
  await loadItems(exact({ key }), rows);
  await withDatabase(exact({ key }), async database => {
    const asked = some.map((filter, i) => ({ vector: queries[i % queries.length]!, k: rows.length, filter }));
    const found = await database.search(asked);
    asked.forEach((query, i) => {
      const wanted = exactly(rows, query).map(({ id }) => id);
      expect(
        new Set<bigint | string>(found[i]!.ids),
        JSON.stringify(query.filter, (_, v: unknown) => (typeof v === "bigint" ? String(v) : v)),
      ).toEqual(new Set(wanted));
    });
  });
}

const NONE = { stock: undefined, price: undefined, country: undefined, adult: undefined };

test("any float compares as in JavaScript, however large or small", async () => {
  const double = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308),
    fc.constantFrom(1e-7, -1e-7, 1e21, 1e20, 123456789.000001, 2 ** 53, 1e300, 0.1, -0.1, 1e-200, 1e199, 1e201),
  );
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(double, { minLength: 20, maxLength: 60 }), async values => {
      const rows = withAttributes(values.map(price => ({ ...NONE, price })));
      const orders = (["<", "<=", ">", ">=", "=", "!="] as const).flatMap(is =>
        values.slice(0, 8).map((value): Filter => ({ attribute: "price", is, value })),
      );
      const lists = [false, true].map(
        (negated): Filter => ({
          attribute: "price",
          among: values.slice(0, 12),
          negated,
        }),
      );
      await compareAll(`floats-${round++}`, rows, [...orders, ...lists]);
    }),
    { numRuns: 15, seed: 3 },
  );
}, 120_000);

test("integers beyond doubles: comparisons are exact, and items that have them are refused", async () => {
  const most = 2n ** 53n - 1n;
  const wide = { attributes: { ...ATTRIBUTES, stock: "int64" } } as const;
  const values: (Scalar | undefined)[] = [most, most - 1n, -most, 0n, undefined];
  const rows = withAttributes(values.map(stock => ({ ...NONE, stock })));
  await loadItems(exact({ key: "wide", ...wide }), rows);
  await withDatabase(exact({ key: "wide", ...wide }), async database => {
    for (const is of ["<", "<=", ">", ">=", "=", "!="] as const)
      for (const value of [most, most - 1n, most + 1n, 2n ** 63n - 1n, -most, -(2n ** 63n), 0n]) {
        const filters: Filter[] = [
          { attribute: "stock", is, value },
          { attribute: "stock", among: [value, 0n], negated: is === "=" },
        ];
        for (const filter of filters) {
          const query = { vector: queries[0]!, k: 9, filter };
          const [found] = await database.search([query]);
          expect(new Set<bigint | string>(found!.ids)).toEqual(new Set(exactly(rows, query).map(({ id }) => id)));
        }
      }
  });
  const fault = await faultOf(
    loadItems(exact({ key: "wide", ...wide }), withAttributes([{ ...NONE, stock: most + 1n }])),
  );
  expect(fault).toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringMatching(
      /`stock` of item 1152921504606846976 is 9007199254740992, and Redis compares numbers as doubles.*write `string`/,
    ) as string,
  });
});

test("ids of texts, and vectors of any length", async () => {
  const store = exact({ key: "texts", ids: "string", attributes: {} });
  const vectors = [1e30, 1, 1e-30, 0].flatMap(scale => [...queries[0]!].map(x => x * scale));
  const ids = ["a b", "", "ü\n\"'", "nul"];
  await withLoader(store, async loader => {
    expect(await loader.create()).toBe(true);
    await loader.upsert({ ids, vectors: Float32Array.from(vectors), attributes: new Map() });
  });
  await withDatabase(store, async database => {
    const asked = [1e30, 1e-30, 0].map(scale => queries[0]!.map(x => x * scale));
    const [large, small, none] = await database.search(asked.map(vector => ({ vector, k: 4, filter: ALWAYS })));
    for (const { ids: found, distances } of [large!, small!]) {
      expect(new Set<bigint | string>(found)).toEqual(new Set(ids));
      expect(found[3]).toBe("nul");
      for (const [i, cosine] of [1, 1, 1, 0].entries()) expect(distances[i]).toBeCloseTo(cosine, 5);
    }
    expect([...none!.distances].map(Math.abs)).toEqual([0, 0, 0, 0]);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(
        await faultOf(database.search([{ vector: queries[0]!.with(2, bad), k: 1, filter: ALWAYS }])),
      ).toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining("NaN or an infinity") as string,
      });
  });
});

test("a condition for which the index reads too few items is searched exactly", async () => {
  const many = makeItems(16_000, 5, 16);
  const vectors = makeQueries(20, 9, 16);
  const store = (filterEf: number): VectorStore => storeOf("indexed", { dimension: 16, index: "hnsw", filterEf });
  // An index that reads so few items finds some of these, and not the nearest. All items are compared then.
  await withDatabase(store(200), async database => {
    for (const below of [20n, 10n, 5n]) {
      const filter = { attribute: "stock", is: "<", value: below } as const;
      const asked = vectors.map(vector => ({ vector, k: 3, filter }));
      expect(recall(many, asked, await database.search(asked))).toBeGreaterThanOrEqual(0.98);
    }
  });
  // The index reads too few of them by far. Exact searches find these, and so do those of a small set.
  for (const filterEf of [50, 1600])
    await withDatabase(store(filterEf), async database => {
      const rare = vectors.map(vector => ({
        vector,
        k: 20,
        filter: { attribute: "stock", is: "<", value: filterEf === 50 ? 2n : 10n } as const,
      }));
      expect(recall(many, rare, await database.search(rare))).toBe(1);
    });
}, 120_000);

test.each([
  ["int8", 0.9],
  ["binary", 0.2],
] as const)(
  "vectors of precision %s",
  async (precision, least) => {
    const vectors = items.slice(0, 1000);
    const store = exact({ key: precision, precision });
    await loadItems(store, vectors);
    const asked = queries.map(vector => ({ vector, k: 10, filter: ALWAYS }));
    expect(recall(vectors, asked, await withDatabase(store, database => database.search(asked)))).toBeGreaterThan(
      least,
    );
    expect(await faultOf(withDatabase(exact({ key: precision }), database => database.info()))).toMatchObject({
      message: expect.stringMatching(/`precision: full` is f32\. Correct `precision`, or delete it \(`DEL /) as string,
    });
  },
  60_000,
);

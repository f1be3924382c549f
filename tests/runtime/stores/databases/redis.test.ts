// Redis 8 vector sets, on a real server: conditions, hostile values, batches, and the recall of the index. Faults are in redis-faults.test.ts.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ALWAYS, type Filter, type Scalar } from "#contract/vector-filter/filter.js";
import type { RedisVectorStore } from "#formats/vectors/vector-store.js";
import { startRedis, type TestRedis } from "../feast/redis-server.js";
import { ATTRIBUTES, exactly, filters, HOSTILE, type Item, makeItems, makeQueries, recall, rowsOf } from "./items.js";
import { faultOf, load, open, redisStore, withLoader } from "./redis-sets.js";

const items = makeItems(3000);
const queries = makeQueries(40);
let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
  vi.stubEnv("TEST_REDIS_URL", `redis://127.0.0.1:${server.port}`);
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

/** Exact searches. */
const exact = (fields: Partial<RedisVectorStore> = {}): RedisVectorStore => redisStore({ index: "none", ...fields });

describe("a set", () => {
  beforeAll(() => load(exact(), items), 120_000);

  test("finds what an exact search finds, for random conditions on hostile values", async () => {
    await open(exact(), async database => {
      await fc.assert(
        fc.asyncProperty(fc.array(filters(), { minLength: 1, maxLength: 6 }), async some => {
          const asked = some.map((filter, i) => ({ vector: queries[i]!, k: 7, filter }));
          const found = await database.search(asked);
          asked.forEach((query, i) => {
            expect([...found[i]!.ids]).toEqual(exactly(items, query).map(({ id }) => id));
          });
        }),
        { numRuns: 80, seed: 11 },
      );
    });
  }, 120_000);

  test("without a condition, and with as many hits as there are items", async () => {
    await open(exact(), async database => {
      for (const k of [1, 10, items.length, items.length + 5]) {
        const query = { vector: queries[3]!, k, filter: ALWAYS };
        const [found] = await database.search([query]);
        const wanted = exactly(items, query);
        expect(new Set<bigint | string>(found!.ids)).toEqual(new Set(wanted.map(({ id }) => id)));
        for (const [i, { score }] of wanted.entries()) expect(found!.distances[i]).toBeCloseTo(score, 5);
      }
    });
  }, 60_000);

  test("answers a batch of users as each of them alone, with and without the index", async () => {
    const asked = queries.map((vector, i) => ({
      vector,
      k: 1 + (i % 9),
      filter: [
        ALWAYS,
        { attribute: "stock", is: ">", value: BigInt(20 * i) } as const,
        { attribute: "country", is: "=", value: HOSTILE[i % HOSTILE.length]! } as const,
      ][i % 3]!,
    }));
    for (const store of [exact(), redisStore({ filterEf: 100 })])
      await open(store, async database => {
        const together = await database.search(asked);
        for (const [i, query] of asked.entries()) expect((await database.search([query]))[0]).toEqual(together[i]);
      });
  }, 60_000);

  test("a list of many values is searched, and a longer one is refused", async () => {
    const among = Array.from({ length: 4096 }, (_, i) => BigInt(2 * i));
    const query = { vector: queries[1]!, k: 9, filter: { attribute: "stock", among, negated: false } as const };
    await open(exact(), async database => {
      expect([...(await database.search([query]))[0]!.ids]).toEqual(exactly(items, query).map(({ id }) => id));
      const longer: Filter = { any: [query.filter, { ...query.filter, among: [1n] }] };
      expect(await faultOf(database.search([{ ...query, filter: longer }]))).toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(
          /has 4097 values in lists.*at most 4096 are sent\. Send shorter lists/,
        ) as string,
      });
    });
  }, 60_000);

  test("loading again changes nothing, and ids are listed once and removed", async () => {
    await load(exact(), items.slice(0, 1000));
    await withLoader(exact(), async loader => {
      expect(await loader.create()).toBe(false);
      const seen: (bigint | string)[] = [];
      for await (const ids of loader.ids!()) seen.push(...ids);
      expect(seen).toHaveLength(items.length);
      expect(new Set(seen)).toEqual(new Set(items.map(({ id }) => id)));
      expect(await loader.remove!([items[0]!.id, 5n])).toBe(1);
      await open(exact(), async database =>
        expect(await database.info()).toMatchObject({ count: items.length - 1, attributes: ATTRIBUTES }),
      );
      await loader.upsert(rowsOf(items.slice(0, 1)));
    });
    const query = { vector: items[0]!.vector, k: 1, filter: ALWAYS };
    expect((await open(exact(), database => database.search([query])))[0]!.ids).toEqual(BigInt64Array.of(items[0]!.id));
  }, 60_000);

  test("the set is whole after all hostile values", async () => {
    expect(await server.client().call("VCARD", "items")).toBe(items.length);
  });
});

/** Items whose attributes are given; the vectors do not matter. */
const withAttributes = (attributes: readonly Item["attributes"][]): Item[] =>
  makeItems(attributes.length, 3).map((item, i) => ({ ...item, attributes: attributes[i]! }));

/** Loads items, and compares the hits of filters with JavaScript. */
async function compareAll(key: string, rows: readonly Item[], some: readonly Filter[]): Promise<void> {
  await load(exact({ key }), rows);
  await open(exact({ key }), async database => {
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

test("any text is equal to itself alone, and ends no expression", async () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }).filter(s => s.isWellFormed()),
    fc.string({ unit: fc.constantFrom('"', "'", "\\", "%", "2", "]", ")", " ", "\0", "\n", ".", "or", "ü") }),
    fc.constantFrom('" or .stock > 0 or "', "%22", '"', "x\\", "'] or 1 == 1", '","has-stock":1,"x":"'),
  );
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 20, maxLength: 60 }), async values => {
      const rows = withAttributes(
        values.map((country, i) => ({ ...NONE, country: i % 10 === 9 ? undefined : country })),
      );
      const some = values.slice(0, 12).flatMap((value): Filter[] => [
        { attribute: "country", is: "=", value },
        { attribute: "country", is: "!=", value },
        {
          any: [
            { attribute: "stock", missing: false },
            { attribute: "country", among: [value, "?"], negated: false },
          ],
        },
      ]);
      await compareAll(`texts-${round++}`, rows, some);
    }),
    { numRuns: 15, seed: 5 },
  );
}, 120_000);

test("integers beyond doubles: comparisons are exact, and items that have them are refused", async () => {
  const most = 2n ** 53n - 1n;
  const wide = { attributes: { ...ATTRIBUTES, stock: "int64" } } as const;
  const values: (Scalar | undefined)[] = [most, most - 1n, -most, 0n, undefined];
  const rows = withAttributes(values.map(stock => ({ ...NONE, stock })));
  await load(exact({ key: "wide", ...wide }), rows);
  await open(exact({ key: "wide", ...wide }), async database => {
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
  const fault = await faultOf(load(exact({ key: "wide", ...wide }), withAttributes([{ ...NONE, stock: most + 1n }])));
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
  await open(store, async database => {
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

test("an index finds at least 98 of 100 exact hits, whatever part of the items a condition keeps", async () => {
  const many = makeItems(16_000, 5, 16);
  const store = redisStore({ key: "indexed", dimension: 16, filterEf: 1500, efConstruction: 100 });
  await load(store, many);
  const vectors = makeQueries(20, 9, 16);
  const { filterEf: _, ...byDefault } = store;
  for (const each of [store, byDefault])
    await open(each, async database => {
      expect(await database.info()).toMatchObject({ index: "hnsw with 16 links", count: many.length });
      for (const below of [1000n, 500n, 100n, 10n, 1n]) {
        const filter = { attribute: "stock", is: "<", value: below } as const;
        const asked = vectors.map(vector => ({ vector, k: 10, filter }));
        expect(recall(many, asked, await database.search(asked))).toBeGreaterThanOrEqual(0.98);
      }
    });
  // An index that reads so few items finds some of these, and not the nearest. All items are compared then.
  await open({ ...store, filterEf: 200 }, async database => {
    for (const below of [20n, 10n, 5n]) {
      const filter = { attribute: "stock", is: "<", value: below } as const;
      const asked = vectors.map(vector => ({ vector, k: 3, filter }));
      expect(recall(many, asked, await database.search(asked))).toBeGreaterThanOrEqual(0.98);
    }
  });
  // The index reads too few of them by far. Exact searches find these, and so do those of a small set.
  for (const filterEf of [50, 1600])
    await open({ ...store, filterEf }, async database => {
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
    await load(store, vectors);
    const asked = queries.map(vector => ({ vector, k: 10, filter: ALWAYS }));
    expect(recall(vectors, asked, await open(store, database => database.search(asked)))).toBeGreaterThan(least);
    expect(await faultOf(open(exact({ key: precision }), database => database.info()))).toMatchObject({
      message: expect.stringMatching(/`precision: full` is f32\. Correct `precision`, or delete it \(`DEL /) as string,
    });
  },
  60_000,
);

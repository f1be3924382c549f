// PostgreSQL with pgvector, a real one: conditions, hostile values, batches, faults, and a server that is killed and started again.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ALWAYS, type Filter } from "#contract/vector-filter/filter.js";
import { type PgvectorStore, parseVectorStore } from "#formats/vectors/vector-store.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { connectionSettings } from "#runtime/stores/databases/connection-settings.js";
import { openVectorDatabase, openVectorLoader } from "#runtime/stores/databases/open-database.js";
import { openPool } from "#runtime/stores/databases/pgvector/pg-client.js";
import type { VectorDatabase, VectorQuery } from "#runtime/stores/databases/vector-database.js";
import { elapse } from "../../../run/wait.js";
import {
  ATTRIBUTES,
  DIMENSION,
  exactly,
  filters,
  type Item,
  makeItems,
  makeQueries,
  recall,
  rowsOf,
  textLeaf,
} from "./items.js";
import { PASSWORD, startPostgres, type TestPostgres } from "./postgres-server.js";

const items = makeItems(3000);
const queries = makeQueries(40);
let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
  vi.stubEnv("TEST_PG_URL", server.url);
  await load(storeOf(), items);
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

const storeOf = (fields: Partial<PgvectorStore> = {}): PgvectorStore =>
  parseVectorStore(
    JSON.stringify({
      type: "pgvector",
      url: "${TEST_PG_URL}",
      table: "items",
      dimension: DIMENSION,
      attributes: ATTRIBUTES,
      index: "none",
      timeoutMs: 20_000,
      ...fields,
    }),
  ) as PgvectorStore;

async function load(store: PgvectorStore, rows: readonly Item[]): Promise<void> {
  const loader = await openVectorLoader(store, "items.vectors.yaml");
  try {
    await loader.create();
    for (let i = 0; i < rows.length; i += 1000) await loader.upsert(rowsOf(rows.slice(i, i + 1000), store.dimension));
    await loader.finish();
  } finally {
    await loader.close();
  }
}

async function open<T>(store: PgvectorStore, use: (database: VectorDatabase) => Promise<T>): Promise<T> {
  const database = await openVectorDatabase(store, "items.vectors.yaml");
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}

/** The fault of opening a store, or of a search. */
const faultOf = (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
  work.then(
    () => Promise.reject(new Error("no fault")),
    error => error as { code: string; message: string },
  );

const ofStock = (filter: Filter): VectorQuery[] => queries.map(vector => ({ vector, k: 10, filter }));

describe("a table", () => {
  test("finds what an exact search finds, for random conditions on hostile values", async () => {
    await open(storeOf(), async database => {
      await fc.assert(
        fc.asyncProperty(fc.array(filters(textLeaf), { minLength: 1, maxLength: 6 }), async some => {
          const asked = some.map((filter, i) => ({ vector: queries[i]!, k: 7, filter }));
          const found = await database.search(asked);
          asked.forEach((query, i) => {
            expect([...found[i]!.ids]).toEqual(exactly(items, query).map(({ id }) => id));
          });
        }),
        { numRuns: 60, seed: 11 },
      );
    });
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
        ][i % 3]!,
      }),
    );
    await open(storeOf(), async database => {
      const together = await database.search(asked);
      for (const [i, query] of asked.entries()) expect((await database.search([query]))[0]).toEqual(together[i]);
    });
  }, 60_000);

  test.each([
    ["cosine", (d: number) => d],
    ["ip", (d: number) => d],
    ["l2", (d: number) => 2 - 2 * d],
  ] as const)("distances by %s", async (metric, of) => {
    const query = { vector: queries[0]!, k: 5, filter: ALWAYS };
    const [found] = await open(storeOf({ metric }), database => database.search([query]));
    const wanted = exactly(items, query);
    expect([...found!.ids]).toEqual(wanted.map(({ id }) => id));
    for (const [i, { score }] of wanted.entries()) expect(found!.distances[i]).toBeCloseTo(of(score), 5);
  });

  test("loading again changes nothing, and ids that are not in the data can be removed", async () => {
    await load(storeOf(), items.slice(0, 1000));
    const loader = await openVectorLoader(storeOf(), "items.vectors.yaml");
    const seen = new Set<bigint | string>();
    for await (const ids of loader.ids!()) for (const id of ids) seen.add(id);
    expect(seen.size).toBe(items.length);
    expect(await loader.remove!([items[0]!.id, 5n])).toBe(1);
    await loader.upsert(rowsOf(items.slice(0, 1)));
    await loader.close();
    expect(await open(storeOf(), database => database.info())).toMatchObject({ count: items.length, index: "none" });
  }, 60_000);

  test("a request may have many conditions", async () => {
    const asked = Array.from({ length: 80 }, (_, i) => ({
      vector: queries[i % 40]!,
      k: 3,
      filter: {
        attribute: "stock",
        among: Array.from({ length: 200 }, (__, j) => BigInt(i + j)),
        negated: false,
      } as const,
    }));
    const found = await open(storeOf(), database => database.search(asked));
    for (const [i, query] of asked.entries())
      expect([...found[i]!.ids]).toEqual(exactly(items, query).map(({ id }) => id));
  }, 60_000);

  test("the server's data is whole after all hostile values", async () => {
    expect(await server.run("SELECT count(*)::int AS n FROM items")).toEqual([{ n: items.length }]);
  });
});

describe("an index", () => {
  const many = makeItems(6000, 5, 16);
  const store = () => storeOf({ table: "Indexed", dimension: 16, index: "hnsw" });
  const vectors = makeQueries(30, 9, 16);
  const below = (value: bigint): VectorQuery[] =>
    vectors.map(vector => ({ vector, k: 5, filter: { attribute: "stock", is: "<", value } as const }));
  beforeAll(() => load(store(), many), 60_000);

  test("finds at least 98 of 100 exact hits, whatever part of the items a condition keeps", async () => {
    // The planner then prefers the index, as it does in a large table.
    await server.run("ALTER ROLE merlon SET enable_sort = off");
    await open(store(), async database => {
      expect((await database.info()).index).toContain("hnsw");
      for (const value of [1000n, 500n, 300n, 100n, 30n, 10n, 3n, 1n])
        expect(recall(many, below(value), await database.search(below(value)))).toBeGreaterThanOrEqual(0.98);
    });
    await server.run("ALTER ROLE merlon RESET enable_sort");
  }, 60_000);

  test("is built with the links and the candidates of its file", async () => {
    const few = makeItems(50, 5, 16);
    const optionsOf = async (table: string, fields: object): Promise<unknown> => {
      await load(storeOf({ table, dimension: 16, index: "hnsw", ...fields }), few);
      const options = `SELECT reloptions FROM pg_class WHERE relname LIKE '${table}%hnsw'`;
      return ((await server.run(options)) as { reloptions: unknown }[])[0]!.reloptions;
    };
    expect(await optionsOf("built", {})).toEqual(["m=16", "ef_construction=64"]);
    expect(await optionsOf("dense", { links: 24, efConstruction: 200 })).toEqual(["m=24", "ef_construction=200"]);
  });

  test("reads a tenth of a large table at most, as far as its statistics go, unless its file says otherwise", async () => {
    const settings = async (fields: Partial<PgvectorStore>): Promise<unknown> => {
      const pool = await openPool({ ...store(), ...fields }, connectionSettings(store(), "s"));
      const { rows } = await pool.query("SELECT current_setting('hnsw.max_scan_tuples') AS n");
      await pool.end();
      return (rows[0] as { n: string }).n;
    };
    expect(await settings({})).toBe("20000");
    expect(await settings({ maxScanTuples: 70 })).toBe("70");
    await server.run(`UPDATE pg_class SET reltuples = 3e6 WHERE relname = 'Indexed'`);
    expect(await settings({})).toBe("300000");
    expect(await settings({ table: "missing" })).toBe("20000");
    await server.run(`UPDATE pg_class SET reltuples = 1e12 WHERE relname = 'Indexed'`);
    expect(await settings({})).toBe("2147483647");
    await server.run('ANALYZE "Indexed"');
  });

  test("a condition that keeps nothing ends at the deadline, in the server too", async () => {
    // Each row of the view takes 20 ms.
    await server.run(
      `CREATE VIEW slow AS SELECT id, embedding, price, country, adult,
       (stock + length(pg_sleep(0.02)::text))::int AS stock FROM "Indexed"`,
    );
    const active =
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%slow%' AND pid <> pg_backend_pid()";
    await open(storeOf({ table: "slow", dimension: 16, index: "hnsw", timeoutMs: 1500 }), async database => {
      expect(await faultOf(database.search(below(-5n)))).toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringMatching(/did not answer within 1500 ms\. Raise `timeoutMs`/) as string,
      });
      await vi.waitFor(async () => expect(await server.run(active)).toEqual([{ n: 0 }]), { timeout: 10_000 });
    });
  }, 30_000);
});

test.each<[string, Partial<PgvectorStore>, string, RegExp]>([
  [
    "a missing table",
    { table: "nothing" },
    "INVALID_ARGUMENT",
    /has no table `nothing`\. Make it with `merlon vectors load`/,
  ],
  [
    "another dimension",
    { dimension: 9 },
    "INVALID_ARGUMENT",
    /column `embedding` of table `items` is vector\(8\), and the file says vector\(9\)\. Correct `dimension`/,
  ],
  [
    "an unknown attribute",
    { attributes: { colour: "string" } },
    "INVALID_ARGUMENT",
    /has no column `colour`\. Correct `attributes`: its columns are `id`/,
  ],
  [
    "another type",
    { attributes: { country: "int64" } },
    "INVALID_ARGUMENT",
    /column `country` .* is text, and the file says bigint/,
  ],
  ["ids of another type", { ids: "string" }, "INVALID_ARGUMENT", /column `id` .* is bigint, and the file says text/],
  [
    "an unset variable",
    { url: "${TEST_UNSET}" },
    "UNAVAILABLE",
    /the environment variable TEST_UNSET of `url` is not set/,
  ],
  [
    "a port without a server",
    { url: "postgresql://merlon@127.0.0.1:1/postgres" },
    "UNAVAILABLE",
    /cannot be reached: .*ECONNREFUSED.*Start it, or correct `url`/,
  ],
  [
    "an address of another kind",
    { url: "redis://127.0.0.1" },
    "INVALID_ARGUMENT",
    /`url` is not an address of PostgreSQL/,
  ],
  ["TLS that the server lacks", { tls: true }, "UNAVAILABLE", /does not support SSL.*leave `tls` out/],
])("%s is a fault that names the store and a way out", async (_, fields, code, message) => {
  const fault = await faultOf(openVectorDatabase(storeOf(fields), "items.vectors.yaml"));
  expect(fault).toMatchObject({ code, message: expect.stringMatching(message) as string });
  expect(fault.message).toMatch(/^the vector store `items\.vectors\.yaml` \(pgvector, /);
});

test("wrong credentials, and a database without the extension, are faults that show no password", async () => {
  vi.stubEnv("TEST_PG_WRONG", server.url.replace(encodeURIComponent(PASSWORD), "sesame%20open"));
  const fault = await faultOf(openVectorDatabase(storeOf({ url: "${TEST_PG_WRONG}" }), "items.vectors.yaml"));
  expect(fault).toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("Correct the user and password in `url`") as string,
  });
  expect(JSON.stringify(fault) + String(fault)).not.toMatch(/sesame|p@ss/);
  await server.run("CREATE DATABASE bare TEMPLATE template0");
  vi.stubEnv("TEST_PG_BARE", server.url.replace("/postgres", "/bare"));
  await expect(openVectorDatabase(storeOf({ url: "${TEST_PG_BARE}" }), "s")).rejects.toThrow(
    "has no extension `vector`. Run `CREATE EXTENSION vector` in it.",
  );
  vi.stubEnv("TEST_PG_NONE", server.url.replace("/postgres", "/none"));
  await expect(openVectorDatabase(storeOf({ url: "${TEST_PG_NONE}" }), "s")).rejects.toThrow(
    /Correct the database in `url`/,
  );
});

test("a late search ends at its deadline, and a cancelled one at once", async () => {
  await load(storeOf({ table: "locked" }), items.slice(0, 10));
  await open(storeOf({ table: "locked", timeoutMs: 1500 }), async database => {
    const lock = server.run("BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(6); COMMIT");
    await vi.waitFor(async () =>
      expect(await server.run("SELECT 1 AS one FROM pg_locks WHERE mode = 'AccessExclusiveLock'")).not.toEqual([]),
    );
    const signal = new Cancellable();
    const cancelled = faultOf(database.search(ofStock(ALWAYS), signal));
    signal.abort();
    expect(await cancelled).toMatchObject({ code: "CANCELLED" });
    expect(await faultOf(database.search(ofStock(ALWAYS)))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/did not answer within 1500 ms/) as string,
    });
    await lock;
    expect((await database.search(ofStock(ALWAYS)))[0]!.ids).toHaveLength(10);
  });
}, 60_000);

test("searches go on after the server was killed and started again, and none is wrong", async () => {
  await load(storeOf({ table: "survivors" }), items.slice(0, 500));
  const asked = ofStock({ attribute: "stock", is: ">=", value: 0n });
  const wanted = asked.map(query => exactly(items.slice(0, 500), query).map(({ id }) => id));
  const seen = { right: 0, away: 0 };
  await open(storeOf({ table: "survivors", timeoutMs: 5000 }), async database => {
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
    await server.kill();
    await vi.waitFor(() => expect(seen.away).toBeGreaterThan(3), { timeout: 20_000 });
    await server.restart();
    const before = seen.right;
    await vi.waitFor(() => expect(seen.right).toBeGreaterThan(before + 3), { timeout: 30_000 });
    isDone = true;
    await Promise.all(clients);
  });
}, 120_000);

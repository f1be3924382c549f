// PostgreSQL with pgvector, a real one: the contract of vector stores, its index, deadlines in the server, and credentials.
import { describe, expect, test, vi } from "vitest";
import type { PgvectorStore } from "#formats/vectors/vector-store.js";
import { connectionSettings } from "#runtime/stores/databases/connection-settings.js";
import { openVectorDatabase } from "#runtime/stores/databases/open-database.js";
import { openPool } from "#runtime/stores/databases/pgvector/pg-client.js";
import { vectorStoreContract } from "./contract.js";
import { makeItems, makeQueries, textLeaf } from "./items.js";
import { PASSWORD, startPostgres, type TestPostgres } from "./postgres-server.js";
import { faultOf, loadItems, withDatabase } from "./stores.js";

const { storeOf, server } = vectorStoreContract<TestPostgres>({
  type: "pgvector",
  start: startPostgres,
  url: port => `postgresql://merlon:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`,
  named: table => ({ table }),
  metrics: ["cosine", "ip", "l2"],
  leaves: textLeaf,
  indexed: {
    count: 6000,
    fields: [{}],
    index: /hnsw/,
    // The planner then prefers the index, as it does in a large table.
    async around({ run }, search) {
      await run("ALTER ROLE merlon SET enable_sort = off");
      await search();
      await run("ALTER ROLE merlon RESET enable_sort");
    },
  },
  swaps: false,
  lists: true,
  info: { index: "none" },
  faults: [
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
    ["TLS that the server lacks", { tls: true }, "UNAVAILABLE", /does not support SSL.*leave `tls` out/],
  ],
});
const pgStore = (table: string, more: object = {}) =>
  storeOf(table, { dimension: 16, index: "hnsw", ...more }) as PgvectorStore;

describe("an index", () => {
  test("is built with the links and the candidates of its file", async () => {
    const few = makeItems(50, 5, 16);
    const optionsOf = async (table: string, fields: object): Promise<unknown> => {
      await loadItems(pgStore(table, fields), few);
      const options = `SELECT reloptions FROM pg_class WHERE relname LIKE '${table}%hnsw'`;
      return ((await server().run(options)) as { reloptions: unknown }[])[0]!.reloptions;
    };
    expect(await optionsOf("built", {})).toEqual(["m=16", "ef_construction=64"]);
    expect(await optionsOf("dense", { links: 24, efConstruction: 200 })).toEqual(["m=24", "ef_construction=200"]);
  });

  test("reads a tenth of a large table at most, as far as its statistics go, unless its file says otherwise", async () => {
    const store = pgStore("Counted");
    await loadItems(store, makeItems(50, 5, 16));
    const settings = async (fields: Partial<PgvectorStore>): Promise<unknown> => {
      const pool = await openPool({ ...store, ...fields }, connectionSettings(store, "s"));
      const { rows } = await pool.query("SELECT current_setting('hnsw.max_scan_tuples') AS n");
      await pool.end();
      return (rows[0] as { n: string }).n;
    };
    expect(await settings({})).toBe("20000");
    expect(await settings({ maxScanTuples: 70 })).toBe("70");
    await server().run(`UPDATE pg_class SET reltuples = 3e6 WHERE relname = 'Counted'`);
    expect(await settings({})).toBe("300000");
    expect(await settings({ table: "missing" })).toBe("20000");
    await server().run(`UPDATE pg_class SET reltuples = 1e12 WHERE relname = 'Counted'`);
    expect(await settings({})).toBe("2147483647");
    await server().run('ANALYZE "Counted"');
  });

  test("a condition that keeps nothing ends at the deadline, in the server too", async () => {
    await loadItems(pgStore("counted_slowly"), makeItems(6000, 5, 16));
    // Each row of the view takes 20 ms.
    await server().run(
      `CREATE VIEW slow AS SELECT id, embedding, price, country, adult,
       (stock + length(pg_sleep(0.02)::text))::int AS stock FROM "counted_slowly"`,
    );
    const filter = { attribute: "stock", is: "<", value: -5n } as const;
    const nothing = makeQueries(30, 9, 16).map(vector => ({ vector, k: 5, filter }));
    const active =
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%slow%' AND pid <> pg_backend_pid()";
    await withDatabase(pgStore("slow", { timeoutMs: 1500 }), async database => {
      expect(await faultOf(database.search(nothing))).toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringMatching(/did not answer within 1500 ms\. Raise `timeoutMs`/) as string,
      });
      await vi.waitFor(async () => expect(await server().run(active)).toEqual([{ n: 0 }]), { timeout: 10_000 });
    });
  }, 30_000);
});

test("wrong credentials, and a database without the extension, are faults that show no password", async () => {
  vi.stubEnv("TEST_PG_WRONG", server().url.replace(encodeURIComponent(PASSWORD), "sesame%20open"));
  const fault = await faultOf(openVectorDatabase(storeOf("items", { url: "${TEST_PG_WRONG}" }), "s"));
  expect(fault).toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("Correct the user and password in `url`") as string,
  });
  expect(JSON.stringify(fault) + String(fault)).not.toMatch(/sesame|p@ss/);
  await server().run("CREATE DATABASE bare TEMPLATE template0");
  vi.stubEnv("TEST_PG_BARE", server().url.replace("/postgres", "/bare"));
  await expect(openVectorDatabase(storeOf("items", { url: "${TEST_PG_BARE}" }), "s")).rejects.toThrow(
    "has no extension `vector`. Run `CREATE EXTENSION vector` in it.",
  );
  vi.stubEnv("TEST_PG_NONE", server().url.replace("/postgres", "/none"));
  await expect(openVectorDatabase(storeOf("items", { url: "${TEST_PG_NONE}" }), "s")).rejects.toThrow(
    /Correct the database in `url`/,
  );
});

/**
 * The contract of vector databases: exact hits under random conditions on hostile values, batches, distances, recall, loads, and faults with a
 * way out. Answers are right after lost replies and a killed server. Each database passes it as a row.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { ALWAYS, type Filter } from "#contract/vector-filter/filter.js";
import { parseVectorStore, type VectorStore } from "#formats/vectors/vector-store.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { openVectorDatabase, openVectorLoader } from "#runtime/stores/databases/open-database.js";
import type { VectorQuery } from "#runtime/stores/databases/vector-database.js";
import { elapse } from "../../../run/wait.js";
import { startLossyProxy } from "../lossy-proxy.js";
import {
  ATTRIBUTES,
  DIMENSION,
  exactly,
  filters,
  HOSTILE,
  hostileTexts,
  type Item,
  makeItems,
  makeQueries,
  recall,
  rowsOf,
} from "./items.js";
import { FILE, faultOf, loadItems, replaceItems, withDatabase } from "./stores.js";

export interface DatabaseServer {
  readonly port: number;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

type Fields = Readonly<Record<string, unknown>>;

export interface VectorStoreRow<S extends DatabaseServer> {
  readonly type: VectorStore["type"];
  start(): Promise<S>;
  /** A server that keeps its data when it is killed; without it, each does. */
  startDurable?(): Promise<S>;
  /** Makes the items searchable in a server that was started again. */
  restarted?(server: S, name: string): Promise<unknown>;
  /** The address in a store's file. */
  url(port: number): string;
  /** Fields that name a table, a collection or a key. */
  named(name: string): Fields;
  readonly metrics: readonly ("cosine" | "ip" | "l2")[];
  /** Leaves of conditions beside those that each database has. */
  readonly leaves?: fc.Arbitrary<Filter>;
  /** Items that are searched by an index, its fields, and its line in `info`. `around` makes the server use it. */
  readonly indexed?: {
    readonly count: number;
    readonly fields: readonly Fields[];
    readonly index: RegExp;
    around?(server: S, search: () => Promise<void>): Promise<void>;
  };
  /** Whether a loader replaces all items at once, and whether it lists and removes ids. */
  readonly swaps: boolean;
  readonly lists: boolean;
  /** `info` of 1,000 items that are searched exactly. */
  readonly info: Fields;
  /** Fields that do not fit the items of `items`, and the fault. */
  readonly faults: readonly (readonly [what: string, fields: Fields, code: string, message: RegExp])[];
}

export interface TestedStore<S> {
  /** A store of the server that the tests share. */
  storeOf(name: string, more?: Fields): VectorStore;
  server(): S;
}

const items = makeItems(1000);
const queries = makeQueries(40);
const TIMEOUT_MS = 1000;
const POOL = 3;

const searchesOf = (filter: Filter, k = 10): VectorQuery[] => queries.map(vector => ({ vector, k, filter }));
const idsOf = (rows: readonly Item[], asked: readonly VectorQuery[]): bigint[][] =>
  asked.map(query => exactly(rows, query).map(({ id }) => id));
const same = (a: unknown, b: unknown): boolean => String(a) === String(b);

export function vectorStoreContract<S extends DatabaseServer>(row: VectorStoreRow<S>): TestedStore<S> {
  let server!: S;
  /** An address with a password is not written into a file. */
  const addressOf = (port: number): string => {
    const name = `TEST_${row.type.toUpperCase()}_${port}`;
    vi.stubEnv(name, row.url(port));
    return `\${${name}}`;
  };
  const storeAt = (port: number, name: string, more: Fields = {}): VectorStore =>
    parseVectorStore(
      JSON.stringify({
        ...{ type: row.type, url: addressOf(port), dimension: DIMENSION, attributes: ATTRIBUTES, index: "none" },
        ...{ timeoutMs: 20_000, ...row.named(name), ...more },
      }),
    );
  const storeOf = (name: string, more?: Fields): VectorStore => storeAt(server.port, name, more);
  const search = async (store: VectorStore, asked: readonly VectorQuery[]): Promise<(bigint | string)[][]> =>
    (await withDatabase(store, database => database.search(asked))).map(({ ids }) => [...ids]);

  beforeAll(async () => {
    server = await row.start();
    expect(await loadItems(storeOf("items"), items)).toBe(true);
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await server?.stop();
  });

  describe("searches", () => {
    test("find what an exact search finds, for random conditions on hostile values", async () => {
      await withDatabase(storeOf("items"), async database => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(filters(...(row.leaves ? [row.leaves] : [])), { minLength: 1, maxLength: 6 }),
            async some => {
              const asked = some.map((filter, i) => ({ vector: queries[i]!, k: 7, filter }));
              const found = await database.search(asked);
              expect(found.map(({ ids }) => [...ids])).toEqual(idsOf(items, asked));
            },
          ),
          { numRuns: 60, seed: 11 },
        );
      });
    }, 240_000);

    test("take no meaning from a user's text", async () => {
      const texts = [...HOSTILE, ...fc.sample(hostileTexts, { numRuns: 120, seed: 5 })];
      const asked = texts.map((value, i): VectorQuery => {
        const filter = [
          { attribute: "country", is: "=", value } as const,
          { attribute: "country", is: "!=", value } as const,
          { attribute: "country", among: [value, "de"], negated: i % 8 < 4 } as const,
        ][i % 3]!;
        return { vector: queries[i % 40]!, k: 7, filter };
      });
      expect(await search(storeOf("items"), asked)).toEqual(idsOf(items, asked));
    }, 120_000);

    test("answer a batch of users as each of them alone", async () => {
      const conditions: readonly ((i: number) => Filter)[] = [
        () => ALWAYS,
        i => ({ attribute: "stock", is: ">", value: BigInt(20 * i) }),
        () => ({ attribute: "country", is: "=", value: "$1" }),
        () => ({ attribute: "stock", is: ">", value: 5000n }),
      ];
      const asked = queries.map((vector, i) => ({ vector, k: 1 + (i % 9), filter: conditions[i % 4]!(i) }));
      await withDatabase(storeOf("items"), async database => {
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

    test.each(row.metrics)("have distances by %s, and no more hits than items", async metric => {
      const some = items.slice(0, 300);
      const store = storeOf(`by_${metric}`, { metric });
      await loadItems(store, some);
      const asked = [5, 305].map(k => ({ vector: queries[0]!, k, filter: ALWAYS }));
      const found = await withDatabase(store, database => database.search(asked));
      for (const [i, { ids, distances }] of found.entries()) {
        const wanted = exactly(some, asked[i]!);
        expect([...ids]).toEqual(wanted.map(({ id }) => id));
        for (const [at, { score }] of wanted.entries())
          expect(distances[at]).toBeCloseTo(metric === "l2" ? 2 - 2 * score : score, 5);
      }
    });

    const { indexed } = row;
    if (indexed)
      test("by an index find at least 98 of 100 exact hits, whatever part a condition keeps", async () => {
        const { count, fields, index, around = (_, use) => use() } = indexed;
        const many = makeItems(count, 5, 16);
        const stores = fields.map(more => storeOf("indexed", { dimension: 16, index: "hnsw", ...more }));
        await loadItems(stores[0]!, many);
        await around(server, async () => {
          for (const store of stores)
            await withDatabase(store, async database => {
              expect((await database.info()).index).toMatch(index);
              for (const below of [1000n, 500n, 100n, 10n, 1n]) {
                const filter = { attribute: "stock", is: "<", value: below } as const;
                const asked = makeQueries(20, 9, 16).map(vector => ({ vector, k: 10, filter }));
                expect(recall(many, asked, await database.search(asked))).toBeGreaterThanOrEqual(0.98);
              }
            });
        });
      }, 180_000);

    test("end at once when they are cancelled", async () => {
      await withDatabase(storeOf("items"), async database => {
        const signal = new Cancellable();
        const cancelled = faultOf(database.search(searchesOf(ALWAYS), signal));
        signal.abort();
        expect(await cancelled).toMatchObject({ code: "CANCELLED" });
        expect((await database.search(searchesOf(ALWAYS)))[0]!.ids).toHaveLength(10);
      });
    });
  });

  describe("a load", () => {
    test("of items that are there changes nothing", async () => {
      expect(await loadItems(storeOf("items"), items.slice(0, 300))).toBe(false);
      expect(await withDatabase(storeOf("items"), database => database.info())).toMatchObject({
        ...{ count: items.length, ...row.info },
      });
    });

    if (row.lists)
      test("lists each id once, and removes some", async () => {
        const store = storeOf("listed");
        await loadItems(store, items);
        const loader = await openVectorLoader(store, FILE);
        const seen: (bigint | string)[] = [];
        for await (const ids of loader.ids!()) seen.push(...ids);
        expect([seen.length, new Set(seen)]).toEqual([items.length, new Set(items.map(({ id }) => id))]);
        expect(await loader.remove!([items[0]!.id, 5n])).toBe(1);
        await loader.close();
        expect((await withDatabase(store, database => database.info())).count).toBe(items.length - 1);
      }, 60_000);

    if (row.swaps)
      test("replaces all items at once: each search finds the old ones or the new ones", async () => {
        const store = storeOf("replaced");
        const [old, now] = [items.slice(0, 200), items.slice(100, 400)];
        await loadItems(store, old);
        const asked = searchesOf(ALWAYS);
        const wanted = [old, now].map(some => idsOf(some, asked));
        await withDatabase(store, async database => {
          const seen = [0, 0];
          let isDone = false;
          const user = async (): Promise<void> => {
            while (!isDone) {
              const found = await database.search(asked);
              for (const [i, { ids }] of found.entries()) {
                const which = wanted.findIndex(hits => same(hits[i], [...ids]));
                expect(which).toBeGreaterThanOrEqual(0);
                seen[which]!++;
              }
            }
          };
          const users = [user(), user()];
          await vi.waitFor(() => expect(seen[0]).toBeGreaterThan(80), { timeout: 20_000 });
          expect(await replaceItems(store, now)).toBe(100);
          await vi.waitFor(() => expect(seen[1]).toBeGreaterThan(80), { timeout: 20_000 });
          isDone = true;
          await Promise.all(users);
          expect((await database.info()).count).toBe(now.length);
        });
      }, 120_000);

    if (row.swaps)
      test("that ends early leaves the old items", async () => {
        const store = storeOf("kept");
        await loadItems(store, items.slice(0, 50));
        const loader = await openVectorLoader(store, FILE);
        expect(await loader.create()).toBe(false);
        await loader.swap!.begin();
        await loader.upsert(rowsOf(items.slice(0, 20)));
        await loader.close();
        expect(await withDatabase(store, database => database.info())).toMatchObject({ count: 50 });
      });
  });

  test.each<VectorStoreRow<S>["faults"][number]>([
    ["a missing name", row.named("nothing"), "INVALID_ARGUMENT", /`merlon vectors load`/],
    ["an unset variable", { url: "${TEST_UNSET}" }, "UNAVAILABLE", /variable TEST_UNSET of `url` is not set/],
    [
      "a port without a server",
      { url: `${row.url(1).split("://")[0]}://127.0.0.1:1` },
      "UNAVAILABLE",
      /cannot be reached: .*ECONNREFUSED.*Start it, or correct `url`/,
    ],
    ["an address of another kind", { url: "ftp://127.0.0.1" }, "INVALID_ARGUMENT", /`url` is not an address of [MPQR]/],
    ...row.faults,
  ])("%s is a fault that names the store and a way out", async (_, fields, code, message) => {
    const fault = await faultOf(openVectorDatabase(storeOf("items", { timeoutMs: 3000, ...fields }), FILE));
    expect(fault).toMatchObject({ code, message: expect.stringMatching(message) as string });
    expect(fault.message).toMatch(new RegExp(`^the vector store \`items\\.vectors\\.yaml\` \\(${row.type}, `));
  });

  test("searches are answered after connections lost their replies", async () => {
    const proxy = await startLossyProxy(server.port);
    const asked = searchesOf(ALWAYS).slice(0, 1);
    const wanted = idsOf(items, asked)[0];
    const store = storeAt(proxy.port, "items", { timeoutMs: TIMEOUT_MS, pool: POOL });
    await withDatabase(store, async database => {
      const one = () =>
        database.search(asked).then(
          ([found]) => [...found!.ids],
          (error: { code: string; message: string }) => error,
        );
      const several = () => Promise.all(Array.from({ length: 2 * POOL }, one));
      for (const how of ["swallows", "gone"] as const) {
        // A new connection of a machine under load may take longer than a search may.
        await vi.waitFor(async () => expect(await several()).toEqual(new Array(2 * POOL).fill(wanted)), {
          timeout: 20_000,
        });
        proxy.lose(how);
        for (const late of await several())
          if (!Array.isArray(late))
            expect(late).toMatchObject({
              code: "UNAVAILABLE",
              message: expect.stringContaining(`did not answer within ${TIMEOUT_MS} ms`) as string,
            });
        await vi.waitFor(async () => expect(await one()).toEqual(wanted), { timeout: 5 * TIMEOUT_MS });
      }
    });
  }, 120_000);

  test("searches go on after the server was killed and started again, and none is wrong", async () => {
    const mortal = await (row.startDurable ?? row.start)();
    onTestFinished(() => mortal.stop());
    const survivors = items.slice(0, 300);
    const store = storeAt(mortal.port, "survivors", { timeoutMs: 5000 });
    await loadItems(store, survivors);
    await searchAcross(store, survivors, async seen => {
      await mortal.kill();
      await vi.waitFor(() => expect(seen.away).toBeGreaterThan(3), { timeout: 20_000 });
      await mortal.restart();
      await row.restarted?.(mortal, "survivors");
    });
  }, 180_000);

  return { storeOf, server: () => server };
}

/** Users who search while a server fails: from right answers over faults to right answers. */
export async function searchAcross(
  store: VectorStore,
  rows: readonly Item[],
  fail: (seen: { readonly right: number; readonly away: number }) => Promise<unknown>,
): Promise<void> {
  const asked = searchesOf({ attribute: "stock", is: ">=", value: 0n }, 5);
  const wanted = idsOf(rows, asked);
  const seen = { right: 0, away: 0 };
  await withDatabase(store, async database => {
    let isDone = false;
    const user = async (): Promise<void> => {
      while (!isDone) {
        try {
          expect((await database.search(asked)).map(({ ids }) => [...ids])).toEqual(wanted);
          seen.right++;
        } catch (error) {
          expect(error).toMatchObject({ code: "UNAVAILABLE" });
          seen.away++;
          await elapse(20);
        }
      }
    };
    const users = [user(), user(), user()];
    try {
      await vi.waitFor(() => expect(seen.right).toBeGreaterThan(3), { timeout: 20_000 });
      await fail(seen);
      await vi.waitFor(() => expect(seen.away).toBeGreaterThan(0), { timeout: 20_000 });
      const before = seen.right;
      await vi.waitFor(() => expect(seen.right).toBeGreaterThan(before + 3), { timeout: 60_000 });
    } finally {
      isDone = true;
    }
    await Promise.all(users);
  });
}

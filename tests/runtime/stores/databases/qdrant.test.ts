// Qdrant's interface. Requests are parsed by Qdrant's own messages and answered by the local mode of its client. Conditions, hostile values,
// batches, exact ids, replacing all items, faults, and a server that is killed.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type Server } from "node:tls";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ALWAYS, type Filter } from "#contract/vector-filter/filter.js";
import { parseVectorStore, type QdrantStore } from "#formats/vectors/vector-store.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { openVectorDatabase, openVectorLoader } from "#runtime/stores/databases/open-database.js";
import type { VectorQuery } from "#runtime/stores/databases/vector-database.js";
import { elapse } from "../../../run/wait.js";
import { makeCertificates } from "../../client/certificates.js";
import {
  ATTRIBUTES,
  DIMENSION,
  exactly,
  filters,
  HOSTILE,
  hostileTexts,
  makeItems,
  makeQueries,
  rowsOf,
} from "./items.js";
import { startQdrant, type TestQdrant } from "./qdrant-server.js";
import { FILE, faultOf, loadItems, replaceItems, withDatabase } from "./stores.js";

const items = makeItems(1000);
const queries = makeQueries(40);
let server: TestQdrant;
beforeAll(async () => {
  server = await startQdrant();
  vi.stubEnv("TEST_QDRANT_URL", server.url);
  expect(await loadItems(storeOf(), items)).toBe(true);
  await loadItems(storeOf({ metric: "l2", collection: "with_names", vectorName: "dense" }), items.slice(0, 3));
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

const storeOf = (fields: Partial<QdrantStore> = {}): QdrantStore =>
  parseVectorStore(
    JSON.stringify({
      type: "qdrant",
      url: "${TEST_QDRANT_URL}",
      collection: "items",
      dimension: DIMENSION,
      attributes: ATTRIBUTES,
      timeoutMs: 20_000,
      ...fields,
    }),
  ) as QdrantStore;

const all = (filter: Filter): VectorQuery[] => queries.map(vector => ({ vector, k: 10, filter }));

describe("a collection", () => {
  test("finds what an exact search finds, for random conditions on hostile values", async () => {
    await withDatabase(storeOf(), async database => {
      await fc.assert(
        fc.asyncProperty(fc.array(filters(), { minLength: 1, maxLength: 6 }), async some => {
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

  test("a text is itself alone", async () => {
    await withDatabase(storeOf(), async database => {
      for (const text of HOSTILE) {
        const query = { vector: queries[0]!, k: 2000, filter: { attribute: "country", is: "=", value: text } as const };
        const [found] = await database.search([query]);
        expect(new Set(found!.ids as BigInt64Array)).toEqual(new Set(exactly(items, query).map(({ id }) => id)));
      }
    });
  }, 60_000);

  test("no text of a user changes what a condition means", async () => {
    const filterOf = (text: string, i: number): Filter =>
      [
        { attribute: "country", is: "=", value: text } as const,
        { attribute: "country", is: "!=", value: text } as const,
        { attribute: "country", among: [text, "de"], negated: i % 8 < 4 } as const,
      ][i % 3]!;
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
          { attribute: "stock", is: ">", value: 2n ** 60n } as const,
        ][i % 4]!,
      }),
    );
    await withDatabase(storeOf(), async database => {
      const together = await database.search(asked);
      for (const [i, query] of asked.entries())
        expect((await database.search([query]))[0]!.ids).toEqual(together[i]!.ids);
    });
  }, 60_000);

  test.each([
    ["cosine", (d: number) => d],
    ["ip", (d: number) => d],
    ["l2", (d: number) => 2 - 2 * d],
  ] as const)("distances by %s", async (metric, of) => {
    const store = storeOf({ metric, collection: `by_${metric}`, vectorName: "dense" });
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
      server: "Qdrant 1.20.0-local",
    });
  });
});

test("ids are exact to the end of their range, and rows that Qdrant cannot hold are refused by their id", async () => {
  const store = storeOf({ collection: "ids", dimension: 1, attributes: { stock: "int64" } });
  const loader = await openVectorLoader(store, FILE);
  await loader.create();
  const ids = [0n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n];
  const rows = (some: readonly bigint[], stock: bigint) => ({
    ids: some,
    vectors: new Float32Array(some.length).fill(1),
    attributes: new Map([["stock", some.map(() => stock)]]),
  });
  await loader.upsert(rows(ids, 2n ** 53n - 1n));
  expect(await faultOf(loader.upsert(rows([-5n], 0n)))).toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("the id -5 is negative, and Qdrant has integers from 0") as string,
  });
  expect(await faultOf(loader.upsert(rows([6n], 2n ** 53n)))).toMatchObject({
    message: expect.stringContaining("`stock` of the id 6 is 9007199254740992, and Qdrant compares") as string,
  });
  await loader.close();
  await withDatabase(store, async database => {
    const filter = { attribute: "stock", is: ">", value: 2n ** 53n - 2n } as const;
    const [found] = await database.search([{ vector: Float32Array.of(1), k: 10, filter }]);
    expect([...(found!.ids as BigInt64Array)].sort((a, b) => Number(a - b))).toEqual(ids);
  });
});

test("text ids are UUIDs", async () => {
  const store = storeOf({ collection: "uuids", ids: "string", dimension: 1, attributes: {} });
  const loader = await openVectorLoader(store, FILE);
  await loader.create();
  const rows = (id: string) => ({ ids: [id], vectors: Float32Array.of(1), attributes: new Map() });
  const id = "0b0d3c0e-9a52-4e6a-8a43-5f1f6f6c0001";
  await loader.upsert(rows(id));
  for (const odd of ["shoe-1", id.toUpperCase(), '"],"x":["'])
    expect((await faultOf(loader.upsert(rows(odd)))).message).toContain(`the id ${odd} is not a UUID in lower case`);
  await loader.close();
  const [found] = await withDatabase(store, database =>
    database.search([{ vector: Float32Array.of(1), k: 10, filter: ALWAYS }]),
  );
  expect(found!.ids).toEqual([id]);
});

test("all items are replaced at once: each search finds the old ones or the new ones", async () => {
  const store = storeOf({ collection: "replaced" });
  const [old, now] = [items.slice(0, 200), items.slice(100, 400)];
  await loadItems(store, old);
  const wanted = [old, now].map(some => all(ALWAYS).map(query => exactly(some, query).map(({ id }) => String(id))));
  await withDatabase(store, async database => {
    const seen = [0, 0];
    let isDone = false;
    const client = async (): Promise<void> => {
      while (!isDone) {
        const found = (await database.search(all(ALWAYS))).map(({ ids }) => Array.from(ids, String));
        const which = wanted.findIndex(hits => JSON.stringify(hits) === JSON.stringify(found));
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

test("a load that ends early leaves the old items, and a collection of that name is not replaced", async () => {
  const store = storeOf({ collection: "kept" });
  await loadItems(store, items.slice(0, 50));
  const loader = await openVectorLoader(store, FILE);
  expect(await loader.create()).toBe(false);
  await loader.swap!.begin();
  await loader.upsert(rowsOf(items.slice(0, 20)));
  await loader.close();
  expect(await withDatabase(store, database => database.info())).toMatchObject({ count: 50 });
  const made = await fetch(`${server.url}/collections/named`, {
    method: "PUT",
    body: JSON.stringify({ vectors: { size: DIMENSION, distance: "Cosine" } }),
  });
  expect(made.status).toBe(200);
  const named = await openVectorLoader(storeOf({ collection: "named" }), FILE);
  await expect(named.swap!.begin()).rejects.toThrow(/`named` is a collection, .* give it the alias `named`/);
  await named.close();
});

test.each<[string, Partial<QdrantStore>, string, RegExp]>([
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
    /vectors of collection `items` have 8 values, and the file says 9\. Correct `dimension`/,
  ],
  [
    "another metric",
    { metric: "l2" },
    "INVALID_ARGUMENT",
    /collection `items` compares by Cosine, and the file says Euclid\. Correct `metric`/,
  ],
  [
    "another type of an attribute",
    { attributes: { country: "int64" } },
    "INVALID_ARGUMENT",
    /the index of `country` in collection `items` is keyword, and the file says integer/,
  ],
  ["a vector without a name", { vectorName: "dense" }, "INVALID_ARGUMENT", /has no vector `dense`/],
  [
    "vectors with names",
    { collection: "with_names", metric: "l2" },
    "INVALID_ARGUMENT",
    /have names\. Name one in `vectorName`: `dense`/,
  ],
  ["an unset variable", { url: "${TEST_UNSET}" }, "UNAVAILABLE", /variable TEST_UNSET of `url` is not set/],
  [
    "a port without a server",
    { url: "http://127.0.0.1:1" },
    "UNAVAILABLE",
    /cannot be reached: .*ECONNREFUSED.*Start it, or correct `url`/,
  ],
  ["an address of another kind", { url: "redis://127.0.0.1" }, "INVALID_ARGUMENT", /`url` is not an address of Qdrant/],
  [
    "a user in the address",
    { url: "http://me@127.0.0.1" },
    "INVALID_ARGUMENT",
    /Qdrant has keys: name one in `apiKey`/,
  ],
  ["TLS that the server lacks", { tls: true }, "UNAVAILABLE", /leave `tls` out/],
])("%s is a fault that names the store and a way out", async (_, fields, code, message) => {
  const fault = await faultOf(openVectorDatabase(storeOf(fields), FILE));
  expect(fault).toMatchObject({ code, message: expect.stringMatching(message) as string });
  expect(fault.message).toMatch(/^the vector store `items\.vectors\.yaml` \(qdrant, /);
});

test("a key is a variable: a file that has it written out is refused", () => {
  expect(() => storeOf({ apiKey: "sesame" })).toThrow(
    "`apiKey` must be an environment variable: a secret is not copied into a model",
  );
});

describe("behind TLS with client certificates, with a key", () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-qdrant-tls-"));
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  let locked: TestQdrant;
  let gate: Server;
  beforeAll(async () => {
    makeCertificates(folder, ["server", "client"], "localhost");
    locked = await startQdrant("key-of-a-test");
    vi.stubEnv("TEST_QDRANT_KEY", "key-of-a-test");
    vi.stubEnv("TEST_QDRANT_BAD", "sesame-open");
    const files = { key: read("server.key"), cert: read("server.pem"), ca: read("root.pem") };
    gate = createTlsServer({ ...files, requestCert: true, rejectUnauthorized: true }, socket => {
      const inner = connect(locked.port, "127.0.0.1");
      for (const one of [socket, inner]) one.on("error", () => {});
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>(done => gate.listen(0, "127.0.0.1", done));
  }, 60_000);
  afterAll(async () => {
    gate.close();
    await locked.stop();
    rmSync(folder, { recursive: true });
  });
  const gated = (fields: Partial<QdrantStore> = {}): QdrantStore =>
    storeOf({
      url: `https://localhost:${(gate.address() as AddressInfo).port}`,
      apiKey: "${TEST_QDRANT_KEY}",
      tls: { ca: join(folder, "root.pem"), cert: join(folder, "client.pem"), key: join(folder, "client.key") },
      ...fields,
    });

  test("loads and searches", async () => {
    await loadItems(gated(), items.slice(0, 30));
    const [found] = await withDatabase(gated(), database =>
      database.search([{ vector: queries[0]!, k: 3, filter: ALWAYS }]),
    );
    expect(found!.ids).toHaveLength(3);
  });

  test("a wrong key is a fault that does not show it", async () => {
    const fault = await faultOf(openVectorDatabase(gated({ apiKey: "${TEST_QDRANT_BAD}" }), FILE));
    expect(fault).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/Must provide an API key.*Correct `apiKey`/) as string,
    });
    expect(JSON.stringify(fault) + String(fault) + inspect(fault)).not.toContain("sesame");
  });

  test.each([
    ["an unknown authority", { tls: true }],
    ["a missing client certificate", { tls: { ca: join(folder, "root.pem") } }],
  ])("%s is a fault", async (_, fields) => {
    expect(await faultOf(openVectorDatabase(gated(fields), FILE))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/cannot be reached: .*Correct `tls`/) as string,
    });
  });
});

test.each<[number, string, string, RegExp]>([
  [200, "<html>", "INVALID_ARGUMENT", /its response is not one of Qdrant's/],
  [200, "null", "INVALID_ARGUMENT", /its response is not one of Qdrant's/],
  [200, '{"result":null}', "INVALID_ARGUMENT", /its response is not one of Qdrant's/],
  [200, '{"result":{}}', "INVALID_ARGUMENT", /its response is not one of Qdrant's/],
  [503, "Service Unavailable", "UNAVAILABLE", /cannot be reached: Service Unavailable\. Look at its load/],
  [429, '{"status":{"error":"Rate limiting exceeded"}}', "UNAVAILABLE", /Rate limiting exceeded/],
  [400, '{"status":{"error":"Format error in JSON body"}}', "INVALID_ARGUMENT", /refuses: Format error in JSON body/],
])("a response %i %j is a fault", async (status, text, code, message) => {
  const odd = createServer((_, response) => response.writeHead(status).end(text));
  await new Promise<void>(done => odd.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(odd.address() as AddressInfo).port}`;
  const fault = await faultOf(openVectorDatabase(storeOf({ url }), FILE));
  expect(fault).toMatchObject({ code, message: expect.stringMatching(message) as string });
  odd.close();
});

test("a late search ends at its deadline, and a cancelled one at once", async () => {
  let isSilent = false;
  const slow = createServer((request, response) => {
    if (isSilent) return;
    const { method, url, headers } = request;
    void fetch(`${server.url}${url}`, { method: method!, headers: { "x-for": headers.host! } })
      .then(answer => answer.text())
      .then(text => response.end(text));
  });
  await new Promise<void>(done => slow.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
  await withDatabase(storeOf({ url, timeoutMs: 1500 }), async database => {
    isSilent = true;
    const signal = new Cancellable();
    const cancelled = faultOf(database.search(all(ALWAYS), signal));
    signal.abort();
    expect(await cancelled).toMatchObject({ code: "CANCELLED" });
    expect(await faultOf(database.search(all(ALWAYS)))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/did not answer within 1500 ms/) as string,
    });
  });
  slow.closeAllConnections();
  slow.close();
}, 30_000);

test("searches go on after the server was killed and started again, and none is wrong", async () => {
  const survivors = items.slice(0, 300);
  await loadItems(storeOf({ collection: "survivors" }), survivors);
  const asked = all({ attribute: "stock", is: ">=", value: 0n });
  const wanted = asked.map(query => exactly(survivors, query).map(({ id }) => id));
  const seen = { right: 0, away: 0 };
  await withDatabase(storeOf({ collection: "survivors", timeoutMs: 5000 }), async database => {
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

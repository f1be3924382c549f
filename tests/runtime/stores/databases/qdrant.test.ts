// Qdrant's interface. Requests are parsed by Qdrant's own messages and answered by the local mode of its client. Beyond the contract of vector
// stores: exact ids, keys and certificates, and odd responses.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type Server } from "node:tls";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ALWAYS } from "#contract/vector-filter/filter.js";
import type { VectorStore } from "#formats/vectors/vector-store.js";
import { openVectorDatabase, openVectorLoader } from "#runtime/stores/databases/open-database.js";
import { makeCertificates } from "../../client/certificates.js";
import { vectorStoreContract } from "./contract.js";
import { DIMENSION, makeItems, makeQueries } from "./items.js";
import { startQdrant, type TestQdrant } from "./qdrant-server.js";
import { FILE, faultOf, loadItems, withDatabase } from "./stores.js";

const { storeOf, server } = vectorStoreContract<TestQdrant>({
  type: "qdrant",
  start: startQdrant,
  url: port => `http://127.0.0.1:${port}`,
  named: collection => ({ collection }),
  metrics: ["cosine", "ip", "l2"],
  swaps: true,
  lists: false,
  info: { server: "Qdrant 1.20.0-local" },
  faults: [
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
      "a user in the address",
      { url: "http://me@127.0.0.1" },
      "INVALID_ARGUMENT",
      /Qdrant has keys: name one in `apiKey`/,
    ],
    ["TLS that the server lacks", { tls: true }, "UNAVAILABLE", /leave `tls` out/],
  ],
});

test("ids are exact to the end of their range, and rows that Qdrant cannot hold are refused by their id", async () => {
  const store = storeOf("ids", { dimension: 1, attributes: { stock: "int64" } });
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
  const store = storeOf("uuids", { ids: "string", dimension: 1, attributes: {} });
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

test("a collection that its owner named is not replaced", async () => {
  const made = await fetch(`${server().url}/collections/named`, {
    method: "PUT",
    body: JSON.stringify({ vectors: { size: DIMENSION, distance: "Cosine" } }),
  });
  expect(made.status).toBe(200);
  const named = await openVectorLoader(storeOf("named"), FILE);
  await expect(named.swap!.begin()).rejects.toThrow(/`named` is a collection, .* give it the alias `named`/);
  await named.close();
});

test("vectors with names need one in the file", async () => {
  await loadItems(storeOf("with_names", { metric: "l2", vectorName: "dense" }), makeItems(3));
  await expect(openVectorDatabase(storeOf("with_names", { metric: "l2" }), FILE)).rejects.toThrow(
    /have names\. Name one in `vectorName`: `dense`/,
  );
});

test("a key is a variable: a file that has it written out is refused", () => {
  expect(() => storeOf("items", { apiKey: "sesame" })).toThrow(
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
  const gated = (fields: object = {}): VectorStore =>
    storeOf("items", {
      url: `https://localhost:${(gate.address() as AddressInfo).port}`,
      apiKey: "${TEST_QDRANT_KEY}",
      tls: { ca: join(folder, "root.pem"), cert: join(folder, "client.pem"), key: join(folder, "client.key") },
      ...fields,
    });

  test("loads and searches", async () => {
    await loadItems(gated(), makeItems(30));
    const [found] = await withDatabase(gated(), database =>
      database.search([{ vector: makeQueries(1)[0]!, k: 3, filter: ALWAYS }]),
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
  const fault = await faultOf(openVectorDatabase(storeOf("items", { url }), FILE));
  expect(fault).toMatchObject({ code, message: expect.stringMatching(message) as string });
  odd.close();
});

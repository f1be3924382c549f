// A topic whose brokers are away, refuse messages or find them too large: nothing is lost below the bound, and everything else is counted.
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Backpressure } from "#runtime/server/exposures/exposure-log.js";
import { startServer } from "../../support.js";
import { loggedRepository, requestOf } from "../logged-ensemble.js";
import { startCluster, type TestCluster } from "./cluster.js";

const TOPIC_AUTHORIZATION_FAILED = 29;
const MESSAGE_TOO_LARGE = 10;

const ROW = { user: 1, ids: [1, 2, 3, 4, 5, 6], popular: [3, 9] };
const ROWS = 7;
const WIDTH = 4000;
const WIDE = { user: 1, ids: Array.from({ length: WIDTH }, (_, i) => i + 100), popular: [3, 9] };

let repository: string;
let wide: string;
beforeAll(async () => {
  repository = await loggedRepository();
  wide = await loggedRepository({ width: WIDTH, log: '{ columns: [request["user_id"]], candidates: { all: 1 } }' });
}, 120_000);

const clusters: TestCluster[] = [];
afterEach(() => {
  for (const cluster of clusters.splice(0)) cluster.stop();
});

interface Options {
  readonly brokers?: number;
  readonly of?: string;
  readonly waitingBytes?: number;
  readonly backpressure?: Backpressure;
}

async function start({ brokers = 1, of = repository, ...options }: Options = {}) {
  const cluster = await startCluster({ brokers });
  clusters.push(cluster);
  const folder = `kafka://${cluster.brokers}/exposures`;
  const server = await startServer(of, { exposures: { folder, ...options } });
  const row = of === wide ? WIDE : ROW;
  const ask = async (id: string) => (await server.post("/v2/models/logged/infer", requestOf([row], { id }))).status;
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    return Number(new RegExp(`^merlon_exposures_${name} (\\S+)`, "m").exec(text)![1]);
  };
  const reads = (name: string, value: number) =>
    vi.waitFor(async () => expect(await metric(name)).toBe(value), { timeout: 30_000, interval: 100 });
  const logs = (pattern: RegExp) => vi.waitFor(() => expect(server.log.join("")).toMatch(pattern), 30_000);
  return { cluster, server, ask, metric, reads, logs };
}

const idsOf = async (cluster: TestCluster): Promise<string[]> =>
  (await cluster.read("exposures")).map(({ key, row }) => `${key} ${String(row.item)}`);

test("brokers that are away for a while: every exposure arrives once", {
  timeout: 120_000,
}, async () => {
  const { cluster, server, ask, metric, reads, logs } = await start({ brokers: 2 });
  for (let i = 0; i < 5; i++) expect(await ask(`before-${i}`)).toBe(200);
  await reads("rows_total", 5 * ROWS);
  await Promise.all([cluster.down(1), cluster.down(2)]);
  for (let i = 0; i < 20; i++) expect(await ask(`away-${i}`)).toBe(200);
  await logs(/exposures cannot be written to 'kafka:\/\/[^?']+\/exposures': .*ECONNREFUSED/);
  expect(await metric("waiting_bytes")).toBeGreaterThan(0);
  await Promise.all([cluster.up(1), cluster.up(2)]);
  await logs(/exposures are written to 'kafka:\/\/[^']+' again/);
  await reads("waiting_bytes", 0);
  expect(await ask("after")).toBe(200);
  expect(await metric("dropped_total")).toBe(0);
  await server.stop();
  const found = await idsOf(cluster);
  expect(found).toHaveLength(26 * ROWS);
  expect(new Set(found).size).toBe(26 * ROWS);
});

test("one broker of two away: requests to the other's partitions are not sent twice", {
  timeout: 120_000,
}, async () => {
  const { cluster, server, ask, logs } = await start({ brokers: 2 });
  expect(await ask("before")).toBe(200);
  await cluster.down(2);
  for (let i = 0; i < 30; i++) expect(await ask(`away-${i}`)).toBe(200);
  await logs(/exposures cannot be written/);
  await cluster.up(2);
  await server.stop();
  const found = await idsOf(cluster);
  expect(new Set(found).size).toBe(31 * ROWS);
  expect(found).toHaveLength(31 * ROWS);
});

test("beyond the bound, dropped rows are those that did not arrive", { timeout: 120_000 }, async () => {
  const { cluster, server, ask, metric, reads } = await start({ of: wide, waitingBytes: 2 ** 19 });
  await cluster.down(1);
  for (let i = 0; i < 12; i++) expect(await ask(`r-${i}`)).toBe(200);
  expect(await metric("waiting_bytes")).toBeLessThanOrEqual(2 ** 19);
  const dropped = await metric("dropped_total");
  expect(dropped).toBeGreaterThan(0);
  await cluster.up(1);
  await reads("waiting_bytes", 0);
  await server.stop();
  const found = await idsOf(cluster);
  expect(found.length + dropped).toBe(12 * (WIDTH + 2));
  expect(new Set(found).size).toBe(found.length);
});

test("fail: requests are refused while too many exposures wait", { timeout: 120_000 }, async () => {
  const { cluster, server, ask, reads } = await start({ of: wide, waitingBytes: 2 ** 18, backpressure: "fail" });
  await cluster.down(1);
  let answered = 0;
  let status = 200;
  for (; status === 200; answered += status === 200 ? 1 : 0) {
    status = await ask(`r-${answered}`);
    expect(answered).toBeLessThan(12);
  }
  expect(status).toBe(503);
  await cluster.up(1);
  await reads("waiting_bytes", 0);
  await server.stop();
  expect(await idsOf(cluster)).toHaveLength(answered * (WIDTH + 2));
});

test("a server that ends while the brokers are away sends everything when they are back", {
  timeout: 120_000,
}, async () => {
  const { cluster, server, ask, logs } = await start();
  await cluster.down(1);
  expect(await ask("last")).toBe(200);
  await logs(/exposures cannot be written/);
  const stopped = server.stop();
  await cluster.up(1);
  await stopped;
  expect(await idsOf(cluster)).toHaveLength(ROWS);
});

test("a broker that never answers: requests, unloads and the end of the server do not wait for it", {
  timeout: 120_000,
}, async () => {
  const silent = createServer(() => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const folder = `kafka://127.0.0.1:${(silent.address() as AddressInfo).port}/exposures`;
  const options = { modelControlMode: "explicit", loadModels: ["logged"], exitTimeoutSeconds: 10 } as const;
  const server = await startServer(repository, { exposures: { folder }, ...options });
  try {
    expect((await server.post("/v2/models/logged/infer", requestOf([ROW], { id: "r" }))).status).toBe(200);
    await vi.waitFor(() => expect(server.log.join("")).toContain("no broker has answered for 5 s"), 30_000);
    expect((await server.post("/v2/repository/models/logged/unload", {})).status).toBe(200);
    await server.stop();
  } finally {
    silent.close();
  }
  expect(server.log.join("")).toMatch(
    /exposures of 1 batches \(\d+ bytes\) could not be written to 'kafka:[^']*' before/,
  );
});

test("a user without permission: a sentence, a counter, and another attempt each second", {
  timeout: 120_000,
}, async () => {
  const { cluster, server, ask, metric, reads, logs } = await start();
  await cluster.errors(TOPIC_AUTHORIZATION_FAILED, 3);
  expect(await ask("refused")).toBe(200);
  await logs(
    /the broker answers TOPIC_AUTHORIZATION_FAILED: grant the user WRITE and DESCRIBE on the topic\. The server tries/,
  );
  await reads("rows_total", ROWS);
  expect(await metric("failures_total")).toBeGreaterThan(0);
  expect(await metric("dropped_total")).toBe(0);
  await server.stop();
  expect(await idsOf(cluster)).toHaveLength(ROWS);
});

test("a request that is too large is halved, and a message that is too large is dropped", {
  timeout: 120_000,
}, async () => {
  const { cluster, server, ask, metric, reads, logs } = await start();
  await cluster.errors(MESSAGE_TOO_LARGE, 1);
  expect(await ask("halved")).toBe(200);
  await reads("rows_total", ROWS);
  expect(await metric("dropped_total")).toBe(0);
  // Seven messages, of which each last attempt is a single one: 7, 3 + 4, 1 + 2, …
  await cluster.errors(MESSAGE_TOO_LARGE, 100);
  expect(await ask("dropped")).toBe(200);
  await reads("dropped_total", ROWS);
  await logs(/7 rows of exposures were dropped: a message of \d+ bytes is larger than the broker's limit\. Keep fewer/);
  await cluster.clear();
  expect(await ask("after")).toBe(200);
  await server.stop();
  expect((await cluster.read("exposures")).map(({ key }) => key).sort()).toEqual([
    ...Array(ROWS).fill("after"),
    ...Array(ROWS).fill("halved"),
  ]);
});

test("an exposure above the limit of a message is dropped and counted, and the others arrive", {
  timeout: 120_000,
}, async () => {
  const of = await loggedRepository({ width: 100_000, log: '{ columns: [request["ids"]] }' });
  const { cluster, server, reads, logs } = await start({ of });
  const ids = (first: number) => Array.from({ length: 100_000 }, (_, i) => first + (i % 7));
  const ask = (id: string, first: number) =>
    server.post("/v2/models/logged/infer", requestOf([{ user: 1, ids: ids(first), popular: [3, 9] }], { id }));
  expect((await ask("large", 1e15)).status).toBe(200);
  expect((await ask("small", 1)).status).toBe(200);
  await reads("dropped_total", 3);
  await logs(/3 rows of exposures were dropped: a message of \d{7} bytes is larger than 900000 bytes/);
  await reads("rows_total", 3);
  await server.stop();
  expect((await cluster.read("exposures")).map(({ key }) => key)).toEqual(["small", "small", "small"]);
});

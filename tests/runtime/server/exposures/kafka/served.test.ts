// Exposures of served requests in a topic: every row once, the columns of the Parquet files, partitions, hashes, workers.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EXPOSURE_COLUMNS } from "#contract/exposures.js";
import { startServer } from "../../support.js";
import { loggedRepository, requestOf, rowsOf } from "../logged-ensemble.js";
import { startCluster, type TestCluster, type TestMessage } from "./cluster.js";

const USERS = [
  { user: 1, ids: [1, 2, 3, 4, 5, 6], popular: [3, 9] },
  { user: 2, country: "fr", ids: [11, 12, 13, 14, 15, 16], popular: [17, 11] },
  { user: 2 ** 53 - 1, country: 'it\'s "ü"\n\u0000', ids: [21, 22, 23, 24, 25, 26], popular: [27, 28] },
];

let cluster: TestCluster;
let repository: string;
const TOPICS = ["columns", "keys", "hashes"];
beforeAll(async () => {
  [cluster, repository] = await Promise.all([startCluster({ brokers: 2, topics: TOPICS }), loggedRepository()]);
}, 60_000);
afterAll(() => cluster.stop());

const topicOf = (name: string, options = "") => `kafka://${cluster.brokers}/${name}${options}`;

/** Serves the same requests with a log in each of several places. */
async function logged(places: readonly string[], of: string, run: (id: string) => object, more: object = {}) {
  for (const folder of places) {
    const server = await startServer(of, { exposures: { folder, ...more } });
    for (let i = 0; i < 4; i++) expect((await server.post("/v2/models/logged/infer", run(`r-${i}`))).status).toBe(200);
    await server.stop();
    expect(server.log.join("")).not.toMatch(/exposures cannot|logging exposures|dropped/);
  }
}

const partitionsOf = (messages: readonly TestMessage[], id: string) =>
  new Set(messages.filter(({ key }) => key === id).map(({ partition }) => partition));

test("messages are the rows of the Parquet files, each once", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-exposures-"));
  await logged([folder, topicOf("columns")], repository, id => requestOf(USERS, { id, parameters: { seed: 7 } }));
  const messages = await cluster.read("columns");
  const file = join(mkdtempSync(join(tmpdir(), "merlon-exposures-")), "messages.json");
  // The text itself: JavaScript's numbers would round 64-bit integers.
  writeFileSync(file, messages.map(({ text }) => text).join("\n"));
  const [description] = await rowsOf(
    `SELECT string_agg(name || ' := ' || type, ', ') AS types FROM (SELECT column_name AS name, '''' || column_type || '''' AS type FROM (DESCRIBE FROM '${folder}/*/*.parquet'))`,
  );
  const columns = String(description!.types).replaceAll(" := ", ": ");
  const order = "ORDER BY request_id, request_row, position NULLS LAST, item";
  const sent = await rowsOf(`SELECT * EXCLUDE time FROM read_json('${file}', columns = {${columns}}) ${order}`);
  expect(sent).toEqual(await rowsOf(`SELECT * EXCLUDE time FROM '${folder}/*/*.parquet' ${order}`));
  expect(sent).toHaveLength(4 * 22);
  expect(Object.keys(messages[0]!.row)).toEqual([
    ...EXPOSURE_COLUMNS.map(({ name }) => name),
    ...["user_id", "country", "tenfold", "nearest_id", "ids"],
  ]);
  const [{ least, most }] = (await rowsOf(
    `SELECT min(time)::VARCHAR AS least, max(time)::VARCHAR AS most FROM read_json('${file}', columns = {time: 'TIMESTAMP'})`,
  )) as [{ least: string; most: string }];
  expect(Date.now() - Date.parse(`${least}Z`)).toBeLessThan(60_000);
  expect(Date.parse(`${most}Z`)).toBeLessThanOrEqual(Date.now());
  for (const { key, headers, row } of messages) {
    expect(key).toBe(row.request_id);
    expect(headers).toEqual({ "merlon-format": "1", "merlon-model": "logged", "merlon-plan": row.plan });
    expect(row.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  }
  // The rows of a request stay together.
  for (let i = 0; i < 4; i++) expect(partitionsOf(messages, `r-${i}`).size).toBe(1);
  expect(new Set(messages.map(({ partition }) => partition)).size).toBeGreaterThan(1);
});

test("a key's partition is that of Java's client", { timeout: 60_000 }, async () => {
  // Hashes of the tests of Apache Kafka's `Utils.murmur2`.
  const hashes = { "21": -973932308, foobar: -790332482, "a-little-bit-long-string": -985981536 };
  const server = await startServer(repository, { exposures: { folder: topicOf("keys") } });
  for (const id of Object.keys(hashes)) await server.post("/v2/models/logged/infer", requestOf([USERS[0]!], { id }));
  await server.stop();
  const messages = await cluster.read("keys");
  for (const [id, hash] of Object.entries(hashes))
    expect([...partitionsOf(messages, id)]).toEqual([(hash & 0x7fffffff) % 3]);
});

test("personal columns are hashed or dropped as in files", { timeout: 60_000 }, async () => {
  const personal = '{ user_id: "hash", country: "hash", popular: "hash", tenfold: "drop" }';
  const columns = '[request[["user_id", "country", "popular"]], pairs["tenfold"]]';
  const hashing = await loggedRepository({ log: `{ columns: ${columns}, personal: ${personal} }` });
  const folder = mkdtempSync(join(tmpdir(), "merlon-exposures-"));
  const saltFile = join(folder, "salt");
  writeFileSync(saltFile, "0123456789abcdef\n");
  await expect(startServer(hashing, { exposures: { folder: topicOf("hashes") } })).rejects.toThrow(/failed to load/);
  const requests = (id: string) => requestOf(USERS, { id, parameters: { seed: 7 } });
  await logged([folder, topicOf("hashes", "?compression=none")], hashing, requests, { saltFile });
  const rows = (await cluster.read("hashes")).map(({ row }) => row);
  const files = await rowsOf(
    `SELECT request_id, request_row, position, user_id, country, popular FROM '${folder}/*/*.parquet' ORDER BY ALL`,
  );
  const keysOf = ({ request_id, request_row, position }: Readonly<Record<string, unknown>>) =>
    [request_id, request_row, position].join();
  const byPlace = new Map(rows.map(row => [keysOf(row), row]));
  expect(byPlace.size).toBe(rows.length);
  expect(files).toHaveLength(rows.length);
  for (const file of files) expect(byPlace.get(keysOf(file))).toMatchObject(file);
  for (const row of rows) {
    expect(row.user_id).toMatch(/^[0-9a-f]{32}$/);
    expect(row).not.toHaveProperty("tenfold");
  }
  expect(JSON.stringify(rows)).not.toContain("fr");
});

/**
 * Filtered searches of the same vectors in several stores: `npm run bench:vectors -- [--count 100000] [--stores pgvector,redis]`. The stores are
 * Merlon's FAISS, faiss-cpu with IDSelectorBitmap, pgvector, Redis vector sets and milvus-lite, if `npm test -- stores/databases/milvus` has
 * installed it. Each has an HNSW index of 16 links. A condition keeps a part of the items. Prints recall@10 beside an exact filtered search, and the
 * median time of a query, alternated in one run. FAISS is in process. Databases are on loopback, filled side by side, and the adapters of
 * `queryVectors` search them with one query a call.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { parseVectorStore } from "../../dist/formats/vectors/vector-store.js";
import { openVectorDatabase, openVectorLoader } from "../../dist/runtime/stores/databases/open-database.js";
import { filteredWay } from "../../dist/runtime/stores/vectors/filtered-search.js";
import { openFilteredIndex } from "../../dist/runtime/stores/vectors/open-index.js";
import { spawnMilvus } from "../needs/milvus.ts";
import { initPostgres, spawnPostgres } from "../needs/postgres.ts";
import { median } from "../stress/figures.mjs";
import { bitsOf, byPosition, hashOf, recall, startFaiss } from "./filtered/shared.mjs";

const [QUERIES, TOPK, DIMENSION, ROUNDS, BATCH] = [100, 10, 64, 3, 1000];
const HELP = `usage: npm run bench:vectors -- [options]
  --count N      items (100000)
  --stores LIST  databases: pgvector, redis, milvus (all)
  --graph L,C,S  of FAISS: links of a node, nodes kept while the graph is built, and while it is searched (16,40,64)
example: npm run bench:vectors -- --count 5000 --stores redis`;
const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100000" },
    stores: { type: "string", default: "pgvector,redis,milvus" },
    graph: { type: "string", default: "16,40,64" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}
if (!/^\d+,\d+,\d+$/.test(values.graph))
  throw new Error(`--graph takes three numbers, as 16,40,64. Got ${values.graph}`);
const count = Number(values.count);
if (!Number.isSafeInteger(count) || count < 1000)
  throw new Error(`--count takes a whole number from 1000. Got ${values.count}`);
// PostgreSQL's own user must be able to enter the folder.
const folder = mkdtempSync("/tmp/merlon-vectors-");
chmodSync(folder, 0o755);
const children = [];

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

/** Until a call succeeds. */
async function eventually(call) {
  for (let left = 300; ; left--)
    try {
      return await call();
    } catch (error) {
      if (left === 0) throw error;
      await delay(100);
    }
}

async function startPostgres() {
  const [port, data, passwordFile] = [await freePort(), join(folder, "postgres"), join(folder, "password")];
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, "bench\n", { mode: 0o600 });
  initPostgres(data, passwordFile);
  const settings = ["fsync=off", "shared_buffers=512MB", "maintenance_work_mem=2GB", "unix_socket_directories="];
  const flags = ["-D", data, "-p", String(port), ...settings.flatMap(setting => ["-c", setting])];
  children.push(spawnPostgres([...flags, "-c", "listen_addresses=127.0.0.1"]));
  await eventually(async () => {
    const client = new pg.Client({ host: "127.0.0.1", port, user: "merlon", password: "bench", database: "postgres" });
    await client.connect();
    await client.query("CREATE EXTENSION IF NOT EXISTS vector");
    await client.end();
  });
  process.env.BENCH_PG_URL = `postgresql://merlon:bench@127.0.0.1:${port}/postgres`;
  return { type: "pgvector", url: "${BENCH_PG_URL}", table: "items" };
}

async function startRedis() {
  const port = await freePort();
  const flags = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  children.push(spawn("redis-server", flags, { stdio: "ignore" }));
  return { type: "redis", url: `redis://127.0.0.1:${port}`, key: "items" };
}

/** `npm test` installs it here. */
const MILVUS = fileURLToPath(new URL("../../.cache/milvus-venv/bin/milvus-lite", import.meta.url));

async function startMilvus() {
  process.env.MERLON_TEST_MILVUS ??= MILVUS;
  if (!existsSync(process.env.MERLON_TEST_MILVUS)) return undefined;
  const port = await freePort();
  const child = spawnMilvus(["--data-dir", join(folder, "milvus"), "--host", "127.0.0.1", "--port", String(port)]);
  child.stderr.resume();
  children.push(child);
  return { type: "milvus", url: `http://127.0.0.1:${port}`, collection: "items" };
}

const START = { pgvector: startPostgres, redis: startRedis, milvus: startMilvus };
const stores = values.stores.split(",").filter(name => name !== "");
for (const name of stores)
  if (!START[name]) throw new Error(`--stores takes ${Object.keys(START).join(", ")}. Got ${name}`);

/** Each reads an index, or all items. */
const WAYS = {
  "Merlon's FAISS": "hnsw, or exact if it is faster",
  "faiss-cpu": "hnsw",
  pgvector: "hnsw, or all rows of a rare condition",
  redis: "hnsw, or all items if it is cut short",
  milvus: "segments with an hnsw index, and others one vector at a time",
};

/** A store filled with all items. */
async function fill(fields, vectors) {
  const began = performance.now();
  const shared = { dimension: DIMENSION, attributes: { hash: "int64" }, timeoutMs: 60_000 };
  const store = parseVectorStore(JSON.stringify({ ...fields, ...shared }));
  const loader = await eventually(async () => {
    const opened = await openVectorLoader(store, store.type);
    await opened.create();
    return opened;
  });
  for (let from = 0; from < count; from += BATCH) {
    const places = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => from + i);
    await loader.upsert({
      ids: places.map(BigInt),
      vectors: vectors.subarray(from * DIMENSION, (from + places.length) * DIMENSION),
      attributes: new Map([["hash", places.map(i => BigInt(hashOf(i)))]]),
    });
  }
  await loader.finish();
  await loader.close();
  process.stdout.write(`${store.type}: filled and indexed in ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
  return openVectorDatabase(store, store.type);
}

/** Each query alone. @returns ids, and the median time */
async function searchEach(queries, search) {
  const [times, ids] = [[], []];
  for (let row = 0; row < QUERIES; row++) {
    const query = queries.slice(row * DIMENSION, (row + 1) * DIMENSION);
    const began = performance.now();
    const found = await search(query);
    times.push(performance.now() - began);
    ids.push(Array.from(found, Number));
  }
  return { ids, ms: median(times) };
}

const inIndex = (index, among) => {
  const bits = index.ids ? byPosition(index.ids, among.bits) : among.bits;
  return async query => (await index.searchAmong({ ...among, bits }, query, 1, TOPK)).ids;
};

const floats = name => {
  const bytes = readFileSync(join(folder, name));
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
};

const opened = [];
try {
  const other = await startFaiss(folder, count, "unit", `graph=${values.graph}`);
  opened.push(other);
  const [queries, vectors] = [floats("queries.f32"), floats("vectors.f32")];
  const [flat, hnsw] = await Promise.all(
    ["flat", "hnsw"].map(name => openFilteredIndex(join(folder, `${name}.faiss`))),
  );
  const started = (await Promise.all(stores.map(name => START[name]()))).filter(fields => fields !== undefined);
  const databases = await Promise.all(started.map(async fields => [fields.type, await fill(fields, vectors)]));
  opened.push(flat, hnsw, ...databases.map(([, database]) => database));
  process.stdout.write(`${count} x ${DIMENSION}, ${QUERIES} queries, top ${TOPK}: recall, p50 ms\n`);
  const names = ["Merlon's FAISS", "faiss-cpu", ...databases.map(([name]) => name)];
  for (const name of names) process.stdout.write(`${name}: ${WAYS[name]}\n`);
  process.stdout.write(`${["kept", ...names].join(" | ")}\n`);
  for (const selectivity of [1, 0.5, 0.1, 0.01, 0.001]) {
    const bits = bitsOf(count, selectivity);
    const exact = await searchEach(queries, inIndex(flat, { ...bits, way: "exact", effort: 0 }));
    const value = BigInt(Math.ceil(selectivity * 2 ** 32));
    const filter = selectivity === 1 ? { always: true } : { attribute: "hash", is: "<", value };
    const way = filteredWay(hnsw.header, {}, bits.count, TOPK);
    const sides = [
      () => searchEach(queries, inIndex(hnsw, { ...bits, ...way })),
      () => other.ask(`hnsw ${selectivity}`),
      ...databases.map(
        ([, database]) =>
          () =>
            searchEach(queries, async vector => (await database.search([{ vector, k: TOPK, filter }]))[0].ids),
      ),
    ];
    const runs = sides.map(() => []);
    for (let round = 0; round < ROUNDS; round++) for (const [i, side] of sides.entries()) runs[i].push(await side());
    const cells = runs.map(
      some => `${recall(some[0].ids, exact.ids).toFixed(3)}, ${median(some.map(({ ms }) => ms)).toFixed(3)}`,
    );
    process.stdout.write(`${[`${selectivity * 100} %`, ...cells].join(" | ")}\n`);
  }
} finally {
  for (const one of opened) await one.close();
  for (const child of children) {
    const ended = once(child, "exit");
    if (child.kill("SIGINT")) await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}

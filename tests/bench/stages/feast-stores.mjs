// The Feast stage alone, by store: 20,000 items with three features. `queryFeast`'s kernel looks them up from memory, by statement, from one Redis and
// from a cluster of two. The same commands are also sent by ioredis' pipeline, and by a raw socket that only counts the replies. `npm run
// bench:stages -- --stores`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { keyEncoder } from "../../../dist/formats/feast/feast-key.js";
import { readFeastRepository } from "../../../dist/formats/feast/feast-repository.js";
import { distinctKeys } from "../../../dist/runtime/base/columns/distinct-keys.js";
import { rootRows } from "../../../dist/runtime/base/columns/table.js";
import { encodeHmgets, hashReplyReader } from "../../../dist/runtime/stores/feast/hmget.js";
import { openOnlineWriter } from "../../../dist/runtime/stores/feast/online-writer.js";
import { openStore } from "../../../dist/runtime/stores/feast/open-store.js";
import { featureField, hashNamer, timeField } from "../../../dist/runtime/stores/feast/redis-form.js";
import { writeFeastRepository } from "../../../dist/runtime/stores/feast/write-repository.js";
import { quantiles } from "./measure.mjs";

const ITEMS = 20_000;
const SIZES = [1, 64, 1000, 10_000];
const VIEW = "items";
const FEATURES = [
  { name: "price", type: "FLOAT" },
  { name: "category", type: "INT64" },
  { name: "brand", type: "INT64" },
];
const SOURCE = { name: "items", path: "items.parquet", timestampField: "event" };
const ids = Array.from({ length: ITEMS }, (_, i) => i);
const COLUMNS = {
  item_id: ids,
  price: ids.map(i => i / 4),
  category: ids.map(i => i % 50),
  brand: ids.map(i => i % 900),
};

/** @returns rows of a table: store, then p50 and p99 in milliseconds for each size and for 10,000 rows of 100 items; undefined without redis-server */
export async function feastStoreRows(seconds) {
  const folder = mkdtempSync(join(tmpdir(), "merlon-feast-stores-"));
  const servers = [];
  try {
    writeFeastRepository(folder, {
      project: "bench",
      timestamp: 1_700_000_000,
      entities: [{ name: "item", joinKey: "item_id", type: "INT64" }],
      views: [{ name: VIEW, entities: ["item"], source: SOURCE, features: FEATURES, rows: COLUMNS }],
    });
    const repository = readFeastRepository(folder);
    const view = repository.registry.views.find(one => one.name === VIEW);
    // One after the other, so that those before one that does not start are stopped.
    for (const flags of [[], ["--cluster-enabled", "yes"], ["--cluster-enabled", "yes"]])
      servers.push(await startRedis(folder, flags));
    const [single, first, second] = servers;
    await joinCluster(first, second);
    const one = { ...repository, onlineStore: redisStore([single.port]) };
    const cluster = { ...repository, onlineStore: redisStore([first.port, second.port]) };
    for (const target of [one, cluster]) await fill(target, view);
    const ways = {
      "SQLite, from memory": await lookUps(repository, view, {}),
      "SQLite, by statement": await lookUps(repository, view, { memoryMb: 0 }),
      Redis: await lookUps(one, view, { timeoutMs: 10_000 }),
      "Redis cluster of two": await lookUps(cluster, view, { timeoutMs: 10_000 }),
      "raw commands, Redis": rawSocket(single.port, view),
      "ioredis' pipeline, Redis": pipeline(single.port, view),
    };
    const rows = await measureAll(ways, seconds);
    for (const { close } of Object.values(ways)) await close();
    return rows;
  } catch (error) {
    if (error.code === "ENOENT" && error.syscall?.startsWith("spawn")) return undefined;
    throw error;
  } finally {
    for (const { stop } of servers) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All ways in turn, so that what else the machine does meets all. */
async function measureAll(ways, seconds) {
  const names = Object.keys(ways);
  const cells = new Map(names.map(name => [name, []]));
  const requests = [...SIZES.map(count => numbers(count, count)), numbers(10_000, 100)];
  for (const keys of requests) {
    const times = new Map(names.map(name => [name, []]));
    for (const name of names) for (let i = 0; i < 5; i++) await ways[name].read(keys);
    const end = performance.now() + names.length * seconds;
    for (let round = 0; performance.now() < end || round < 10; round++)
      for (const name of names) {
        const began = performance.now();
        await ways[name].read(keys);
        times.get(name).push(performance.now() - began);
      }
    for (const name of names) {
      const { p50, p99 } = quantiles(times.get(name));
      cells.get(name).push(p50.toFixed(2), p99.toFixed(2));
    }
  }
  return names.map(name => [name, ...cells.get(name)]);
}

/** Item ids of a request: `count` of them, among `distinct`. */
const numbers = (count, distinct) => BigInt64Array.from({ length: count }, (_, i) => BigInt((i % distinct) * 2));

/** As `queryFeast` reads: each key once. */
async function lookUps(repository, view, options) {
  const store = await openStore(repository, options);
  const reader = await store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
  return {
    read: values => {
      const column = { dtype: "int64", values, rows: rootRows(values.length) };
      if (reader.takesDoubles?.()) return reader.getOnline(new Map([["item_id", column]]), values.length);
      const { keys, count } = distinctKeys([column]);
      return reader.getOnline(new Map([["item_id", keys[0]]]), count);
    },
    close: () => store.close(),
  };
}

const fieldsOf = view => [timeField(view.storeName), ...FEATURES.map(({ name }) => featureField(view.storeName, name))];

function keysOf(view) {
  const [encode, nameOf] = [keyEncoder(view.joinKeys, 3), hashNamer("bench")];
  return values => Array.from(new Set(values), id => nameOf(encode([id])));
}

/** The floor: commands that were encoded beforehand, and the bytes of the replies counted. */
function rawSocket(port, view) {
  const socket = connect(port, "127.0.0.1");
  const [keys, made] = [keysOf(view), new Map()];
  /** @param take is given each piece, and returns whether it was the last */
  const send = (bytes, take) =>
    new Promise(resolve => {
      const onData = chunk => {
        if (!take(chunk)) return;
        socket.off("data", onData);
        resolve();
      };
      socket.on("data", onData);
      socket.write(bytes);
    });
  /** Commands, and how long their replies are. */
  const prepare = async values => {
    const [names, fields] = [keys(values), fieldsOf(view)];
    const bytes = encodeHmgets(names, fields);
    const reader = hashReplyReader(names.length, fields.length);
    let length = 0;
    await send(bytes, chunk => {
      length += reader.take(chunk);
      return reader.replies !== undefined;
    });
    return { bytes, length };
  };
  return {
    read: async values => {
      const name = `${values.length} ${values.at(-1)}`;
      if (!made.has(name)) made.set(name, await prepare(values));
      const { bytes, length } = made.get(name);
      let left = length;
      await send(bytes, chunk => {
        left -= chunk.length;
        return left <= 0;
      });
    },
    close: () => socket.destroy(),
  };
}

function pipeline(port, view) {
  const client = new Redis({ port });
  const [keys, fields] = [keysOf(view), fieldsOf(view)];
  return {
    read: values => {
      const commands = client.pipeline();
      for (const key of keys(values)) commands.callBuffer("HMGET", key, ...fields);
      return commands.exec();
    },
    close: () => client.disconnect(),
  };
}

async function fill(repository, view) {
  const writer = await openOnlineWriter(repository, view);
  for (let from = 0; from < ITEMS; from += 1000)
    await writer.write(
      ids.slice(from, from + 1000).map(i => ({
        key: [BigInt(i)],
        values: FEATURES.map(({ name }) => COLUMNS[name][i]),
        eventMicros: 1_700_000_000_000_000n,
        createdMicros: null,
      })),
    );
  writer.finish();
  await writer.close();
}

const redisStore = ports => ({
  type: "redis",
  mode: ports.length > 1 ? "cluster" : "single",
  nodes: ports.map(port => ({ host: "127.0.0.1", port })),
  ...{ tls: false, tlsVerify: true, tlsHostname: true, db: 0, sentinelName: "", keyTtlSeconds: null },
});

/** Below the ports that the system chooses, also by the 10,000 more of a cluster's own connections. */
let nextPort = 12_000 + (process.pid % 8000);
/** How long the nodes of a cluster may take to find each other. */
const JOIN_MS = 30_000;

async function startRedis(folder, flags) {
  const port = nextPort++;
  const file = ["--dir", folder, "--cluster-config-file", `nodes-${port}.conf`];
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...file, ...flags];
  const server = spawn("redis-server", args, { stdio: "ignore" });
  await once(server, "spawn");
  const client = new Redis({ port, maxRetriesPerRequest: null, retryStrategy: () => 50 });
  client.on("error", () => {});
  const refused = once(server, "exit").then(([code]) => {
    client.disconnect();
    throw new Error(`redis-server on port ${port} ended with ${code}`);
  });
  refused.catch(() => {});
  await Promise.race([client.ping(), refused]);
  const stop = async () => {
    client.disconnect();
    const ended = once(server, "exit");
    server.kill();
    await ended;
  };
  return { port, client, stop };
}

async function joinCluster(first, second) {
  await first.client.call("CLUSTER", "ADDSLOTSRANGE", 0, 8191);
  await second.client.call("CLUSTER", "ADDSLOTSRANGE", 8192, 16383);
  await first.client.call("CLUSTER", "MEET", "127.0.0.1", second.port);
  const end = performance.now() + JOIN_MS;
  for (const { client } of [first, second])
    while (!String(await client.call("CLUSTER", "INFO")).includes("cluster_state:ok")) {
      if (performance.now() > end) throw new Error(`the nodes of the cluster did not join within ${JOIN_MS / 1000} s`);
      await new Promise(done => setTimeout(done, 50));
    }
}

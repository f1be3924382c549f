/**
 * Time from a write to a feed until a served search finds the item, while other searches run: a Redis stream and a watched folder. Every answer is
 * checked against a model of the items, after some number of changes between those that were seen and those that were written. `--short` is for a
 * look. Needs `redis-server`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { Redis } from "ioredis";
import { build, compile, printDiagnostics } from "../../dist/compiler/index.js";
import { wrapIdMap } from "../../dist/formats/faiss/faiss.js";
import { printFlat } from "../../dist/formats/faiss/print-flat.js";
import { connect } from "../../dist/runtime/client/index.js";
import { serve } from "../../dist/runtime/server/index.js";
import { quantile, sorted } from "../stress/figures.mjs";
import { wrongAnswers } from "./fresh/check.mjs";

const isShort = process.argv.includes("--short");
const [ITEMS, D, K, LANES] = [10_000, 32, 10, 4];
const CHANGES = isShort ? 1000 : 5000;
const PER_SECOND = 250;
/** Changes of one file. */
const FILE = 50;
const MERLON = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-fresh-"));
let seed = 7;
const draw = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const vector = () => Float32Array.from({ length: D }, () => draw() - 0.5);

/** Changes in their order. Every 25th upsert is a probe: a vector far from all others. */
function makeChanges(base) {
  const live = [...base.keys()];
  let next = 1_000_000;
  return Array.from({ length: CHANGES }, (_, i) => {
    if (i % 25 === 0) {
      const probe = vector();
      probe[0] = 1000 + i;
      return { id: next++, vector: probe, isProbe: true };
    }
    const at = Math.floor(draw() * live.length);
    // The last changes of a file are its deletions.
    if (i % FILE >= 35) {
      const [id] = live.splice(at, 1);
      return { id, vector: undefined };
    }
    if (draw() < 0.5) return { id: live[at], vector: vector() };
    live.push(next);
    return { id: next++, vector: vector() };
  });
}

async function makeRepository(name, base) {
  const home = join(folder, name);
  mkdirSync(home);
  writeFileSync(join(home, "package.json"), "{}");
  const flat = Float32Array.from([...base.values()].flatMap(values => [...values]));
  writeFileSync(
    join(home, "items.faiss"),
    wrapIdMap(printFlat(flat, D, "l2"), BigInt64Array.from(base.keys(), BigInt)),
  );
  const file = join(home, "near.ensemble.ts");
  writeFileSync(
    file,
    `import { ensemble, queryFaiss, source } from "merlon";
const request = source({ query: "float32[${D}]" });
export default ensemble("near", request["query"] >> queryFaiss("items.faiss", { topk: ${K} }));
`,
  );
  const made = await compile(file);
  if (!made.ok) throw new Error(printDiagnostics(made.diagnostics));
  build(made, join(home, "models"));
  return join(home, "models");
}

/** Feeds: each writes changes, and resolves when they are written. */
async function redisFeed() {
  const socket = join(folder, "redis.sock");
  const server = spawn(
    "setpriv",
    ["--pdeathsig", "KILL", "redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", ""],
    {
      stdio: "ignore",
    },
  );
  // The command reads an address, so the server also needs a port.
  const client = new Redis({ path: socket, retryStrategy: () => 50 });
  client.on("error", () => {});
  await client.ping();
  const port = 20_000 + (process.pid % 20_000);
  await client.config("SET", "port", port);
  return {
    args: ["--redis-stream", `redis://127.0.0.1:${port}`, "items", "--encoding", "float32"],
    batch: 1,
    write: async ([{ id, vector: values }]) =>
      values
        ? client.xadd("items", "*", "item_id", id, "embedding", Buffer.from(values.buffer))
        : client.xadd("items", "*", "op", "delete", "item_id", id),
    stop: async () => {
      client.disconnect();
      const ended = once(server, "exit");
      server.kill("SIGKILL");
      await ended;
    },
  };
}

async function folderFeed() {
  const incoming = join(folder, "incoming");
  mkdirSync(incoming);
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const database = await instance.connect();
  let files = 0;
  return {
    args: ["--folder", incoming],
    batch: FILE,
    write: async changes => {
      const number = String(files++).padStart(6, "0");
      const upserts = changes.filter(({ vector: values }) => values);
      const rows = upserts.map(({ id, vector: values }) => `(${id}::BIGINT, [${values.join(",")}]::FLOAT[])`);
      const parts = [[`${number}.a.parquet`, join(folder, "part.parquet")]];
      await database.run(
        `COPY (SELECT * FROM (VALUES ${rows.join(",")}) t(item_id, embedding)) TO '${parts[0][1]}' (FORMAT parquet)`,
      );
      const deletes = changes.filter(({ vector: values }) => !values);
      if (deletes.length > 0) {
        parts.push([`${number}.b.txt`, join(folder, "part.txt")]);
        writeFileSync(parts[1][1], deletes.map(({ id }) => `${id}\n`).join(""));
      }
      for (const [name, path] of parts) renameSync(path, join(incoming, name));
    },
    stop: async () => database.closeSync(),
  };
}

async function run(name, makeFeed) {
  const base = new Map(Array.from({ length: ITEMS }, (_, i) => [i, vector()]));
  const models = await makeRepository(name, base);
  const changes = makeChanges(base);
  const loopback = { port: 0, address: "127.0.0.1" };
  const server = await serve({
    modelRepositories: [models],
    http: false,
    metrics: false,
    grpc: loopback,
    writeLog: () => {},
  });
  const client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
  const feed = await makeFeed();
  const command = [process.execPath, MERLON, "index", "follow", join(models, "near"), ...feed.args];
  const follower = spawn("setpriv", ["--pdeathsig", "KILL", ...command], { stdio: ["ignore", "ignore", "inherit"] });
  const search = async query => {
    const found = await client.infer("near", { query: [query] });
    return Array.from((found.candidate_ids ?? found.candidate_ids__values).data, Number);
  };
  const [answers, times, freshness] = [[], [], []];
  let [started, written, seen, isDone] = [0, 0, 0, false];
  const probes = [];
  const lane = async () => {
    while (!isDone) {
      const lo = seen;
      // Half of the queries are near a recent change.
      const near = changes[Math.max(0, written - 1 - Math.floor(draw() * 200))]?.vector;
      const query = near && draw() < 0.5 ? near.map(x => x + (draw() - 0.5) / 10) : vector();
      const at = performance.now();
      const ids = await search(query);
      times.push(performance.now() - at);
      answers.push({ query, ids, lo, hi: started });
      await delay(2);
    }
  };
  const prober = async () => {
    while (!isDone || probes.length > 0) {
      const [probe] = probes;
      if (!probe) await delay(1);
      else if (performance.now() - probe.at > 30_000) throw new Error(`item ${probe.id} was not seen for 30 s`);
      else if ((await search(probe.vector))[0] === probe.id) {
        freshness.push(performance.now() - probe.at);
        seen = Math.max(seen, probe.place + 1);
        probes.shift();
      }
    }
  };
  const lanes = Promise.all([prober(), ...Array.from({ length: LANES }, lane)]);
  let began = performance.now();
  for (let i = 0; i < changes.length; i += feed.batch) {
    const some = changes.slice(i, i + feed.batch);
    started = i + some.length;
    await feed.write(some);
    const at = performance.now();
    for (const [k, change] of some.entries()) if (change.isProbe) probes.push({ ...change, at, place: i + k });
    written = started;
    if (i === 0) {
      // The process of the feed has started when it has applied the first change.
      while (probes.length > 0) await delay(10);
      freshness.length = 0;
      began = performance.now();
    }
    await delay(Math.max(0, began + (1000 * started) / PER_SECOND - performance.now()));
  }
  isDone = true;
  await lanes;
  follower.kill("SIGTERM");
  const [code] = await once(follower, "exit");
  await client.close();
  await server.stop();
  await feed.stop();
  if (code !== 0) throw new Error(`the follower ended with ${code}`);
  return {
    name,
    changes: changes.length,
    freshness,
    times,
    answers: answers.length,
    wrong: wrongAnswers(base, changes, answers, K),
  };
}

const rows = [];
try {
  for (const [name, feed] of [
    ["stream", redisFeed],
    ["folder", folderFeed],
  ])
    rows.push(await run(name, feed)); // prettier-ignore
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${ITEMS} items of ${D} numbers, ${PER_SECOND} changes a second, ${LANES} searches in flight\n`);
console.log("feed     changes   write → seen, ms: p50    p99    max    search, ms: p50    p99   answers   wrong");
for (const { name, changes, freshness, times, answers, wrong } of rows) {
  const [f50, f99, most] = [0.5, 0.99, 1].map(q => quantile(sorted(freshness), q).toFixed(0).padStart(6));
  const [s50, s99] = [0.5, 0.99].map(q => quantile(sorted(times), q).toFixed(1).padStart(6));
  console.log(
    `${name.padEnd(8)} ${String(changes).padStart(7)} ${" ".repeat(18)}${f50} ${f99} ${most} ${" ".repeat(15)}${s50} ${s99} ${String(answers).padStart(9)} ${String(wrong).padStart(7)}`,
  );
}
process.exitCode = rows.some(({ wrong }) => wrong > 0) ? 1 : 0;

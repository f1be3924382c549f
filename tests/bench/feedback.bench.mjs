// Joins a log with its events, in a process of its own. Prints rows, wall and CPU time, and the process's peak memory.
//   npm run bench:feedback                         10^6 exposures, 10^7 events, every attribution
//   npm run bench:feedback -- --short              a tenth of it
//   npm run bench:feedback -- 1000000 10000000 2GB     exposures, events, memory limit
// A request shows ten of 10,000 items. Half of the events have a request id of the log, a quarter have a user instead, the others are of other
// requests. `one key` is the worst case, at a tenth of the size: all events and a tenth of the exposures have one user and item.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";

const exposuresSql = rows => `
  SELECT concat('request-', i // 10) AS request_id, 0::INTEGER AS request_row,
    make_timestamp(1767225600000000 + (i // 10) * (2592000000000 // ${rows / 10})) AS time,
    'shop' AS model, 1::BIGINT AS version, '0123456789abcdef' AS plan, NULL::VARCHAR AS artefacts, NULL::VARCHAR AS arm, 7::BIGINT AS seed,
    (hash(i // 10) % 1000 * 10 + i % 10)::BIGINT AS item, (i % 10 + 1)::INTEGER AS position, random() AS score, 0.1 AS propensity, 0.01 AS list_propensity,
    ['search'] AS sources, 1.0 AS log_rate, (hash(i // 10, 1) % ${Math.ceil(rows / 100)})::BIGINT AS user_id, random()::FLOAT AS price, 'brand' AS brand
  FROM range(${rows}) t(i)`;

const eventsSql = (rows, exposures) => `
  SELECT CASE WHEN i % 4 < 2 THEN concat('request-', r) WHEN i % 4 = 3 THEN concat('other-', i) END AS request_id,
    CASE WHEN i % 4 = 2 THEN (hash(r, 1) % ${Math.ceil(exposures / 100)})::BIGINT END AS user_id,
    (hash(r) % 1000 * 10 + hash(i, 3) % 10)::BIGINT AS item, CASE WHEN i % 5 = 0 THEN 'purchase' ELSE 'click' END AS event,
    make_timestamp((1767225600000000 + r * (2592000000000 // ${exposures / 10}) + hash(i, 4) % 100000000000)::BIGINT) AS time
  FROM (SELECT i, (hash(i, 2) % ${exposures / 10})::BIGINT AS r FROM range(${rows}) t(i))`;

const oneKey = sql => `SELECT * REPLACE (1 AS user_id, 1 AS item) FROM (${sql})`;

const CHILD = `
import { joinFeedback } from ${JSON.stringify(new URL("../../dist/runtime/etl/feedback/join.js", import.meta.url).href)};
const [log, events, out, attribution, memoryLimit] = process.argv.slice(1);
const started = performance.now();
const { events: counts, joined } = await joinFeedback([log], [events], out, { window: 86400, attribution, user: "user_id", memoryLimit, threads: 2 });
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
console.log(JSON.stringify({ rows: joined.rows, matched: counts.matched, late: counts.late, wall: (performance.now() - started) / 1000, cpu: (userCPUTime + systemCPUTime) / 1e6, peak: maxRSS / 1024 }));`;

const args = process.argv.slice(2);
const tenth = args[0] === "--short" ? 10 : 1;
const [exposures = 1_000_000 / tenth, events = 10_000_000 / tenth, memoryLimit = "2GB"] =
  args[0] === "--short" ? [] : args;
const folder = mkdtempSync(join(tmpdir(), "merlon-bench-feedback-"));

function measure(what, log, happened, attribution) {
  const child = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", CHILD, log, happened, join(folder, "out.parquet"), attribution, String(memoryLimit)],
    {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      encoding: "utf8",
    },
  );
  if (child.status !== 0) return { what, failed: child.stderr.trim().split("\n").slice(0, 6).join(" | ") };
  const { rows, matched, late, wall, cpu, peak } = JSON.parse(child.stdout);
  return {
    what,
    rows,
    matched,
    late,
    "wall s": Number(wall.toFixed(1)),
    "CPU s": Number(cpu.toFixed(1)),
    "peak MB": Math.round(peak),
  };
}

try {
  const [log, happened, logOfOne, happenedOnce] = ["log", "events", "log-one", "events-one"].map(name =>
    join(folder, `${name}.parquet`),
  );
  const instance = await DuckDBInstance.create(":memory:", { threads: "2", memory_limit: "2GB" });
  const connection = await instance.connect();
  const copy = (sql, file) => connection.run(`COPY (${sql}) TO '${file}' (FORMAT parquet)`);
  await copy(exposuresSql(Number(exposures)), log);
  await copy(eventsSql(Number(events), Number(exposures)), happened);
  await copy(
    `SELECT * REPLACE (CASE WHEN position = 1 THEN 1 ELSE user_id + 2 END AS user_id, CASE WHEN position = 1 THEN 1 ELSE item + 2 END AS item) FROM (${exposuresSql(Number(exposures) / 10)})`,
    logOfOne,
  );
  await copy(
    `SELECT * REPLACE (NULL::VARCHAR AS request_id) FROM (${oneKey(eventsSql(Number(events) / 10, Number(exposures) / 10))})`,
    happenedOnce,
  );
  connection.closeSync();
  instance.closeSync();
  console.log(
    `${Number(exposures).toLocaleString("en-US")} exposures, ${Number(events).toLocaleString("en-US")} events, DuckDB's memory limit ${memoryLimit}`,
  );
  const table = ["last", "position", "all"].map(attribution => measure(attribution, log, happened, attribution));
  console.table([
    ...table,
    measure("one key, last", logOfOne, happenedOnce, "last"),
    measure("one key, all", logOfOne, happenedOnce, "all"),
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

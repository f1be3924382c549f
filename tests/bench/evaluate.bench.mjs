// Evaluates a policy on logs of growing size, in a process of its own. Prints rows, wall and CPU time, and the process's peak memory.
//   npm run bench:evaluate                    10^5 and 10^6 lists
//   npm run bench:evaluate -- --short         a tenth of it
//   npm run bench:evaluate -- 1000000 2GB     lists, DuckDB's memory limit
// A list shows five items. `probabilities` has these rows alone, `scores` 20 candidates a list, `fitted rewards` these with a reward model, `ensemble` replays a function on them.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";

const [SHOWN, CANDIDATES] = [5, 20];
const logSql = (lists, rows) => `
  SELECT concat('request-', l) AS request_id, 0::INTEGER AS request_row, (hash(l, k) % 20000 * 100 + k)::BIGINT AS item,
    CASE WHEN k < ${SHOWN} THEN k + 1 END::INTEGER AS position, CASE WHEN k < ${SHOWN} THEN 1.0 / (${CANDIDATES} - k) END AS propensity,
    CASE WHEN k < ${SHOWN} THEN (hash(l, k, 1) % 10 = 0)::INTEGER::DOUBLE END AS reward, (hash(l, k, 2) % 1000 / 1000.0)::FLOAT AS liking,
    CASE WHEN k < ${SHOWN} THEN (0.5 + hash(l, k, 3) % 1000 / 1000.0) / (${CANDIDATES} - k) END AS new_probability
  FROM range(${lists}) a(l), range(${rows}) b(k)`;

const PROGRAM = `
import { ensemble, explode, lambdaOp, rename, softmaxSampling, source } from "merlon";
const request = source({ ids: "list<int64>" });
const items = request["ids"] >> explode();
const liking = items >> lambdaOp(candidate_ids => (candidate_ids % 1000) / 1000, { name: "score", dtype: "float32" });
export default ensemble("shop", items["candidate_ids"] >> softmaxSampling(liking, { topk: ${SHOWN}, temperature: 1 }), { log: { columns: [], candidates: { all: 1 } } });
`;

const MERLON = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
/** Reports what the process used, as it ends. Threads inherit the import. */
const USAGE = `
import { isMainThread } from "node:worker_threads";
if (isMainThread) process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.stderr.write(JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6, peak: maxRSS / 1024 }));
});`;

const args = process.argv.slice(2);
const isShort = args[0] === "--short";
const [given, memoryLimit = "1GB"] = isShort ? [] : args;
const sizes = given ? [Number(given)] : isShort ? [10_000, 100_000] : [100_000, 1_000_000];
const folder = mkdtempSync(join(tmpdir(), "merlon-bench-evaluate-"));

function measure(what, lists, words) {
  const started = performance.now();
  const child = spawnSync(
    process.execPath,
    [
      "--import",
      "./usage.mjs",
      MERLON,
      "evaluate",
      ...words,
      "--json",
      "--memory-limit",
      memoryLimit,
      "--threads",
      "2",
    ],
    { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 28 },
  );
  if (child.status !== 0) return { what, lists, failed: child.stderr.trim().split("\n").slice(0, 4).join(" | ") };
  const { cpu, peak } = JSON.parse(child.stderr.slice(child.stderr.lastIndexOf("{")));
  return {
    what,
    lists,
    rows: JSON.parse(child.stdout).rows,
    "wall s": Number(((performance.now() - started) / 1000).toFixed(1)),
    "CPU s": Number(cpu.toFixed(1)),
    "peak MB": Math.round(peak),
  };
}

try {
  writeFileSync(join(folder, "usage.mjs"), USAGE);
  writeFileSync(join(folder, "shop.ensemble.ts"), PROGRAM);
  const instance = await DuckDBInstance.create(":memory:", { threads: "2", memory_limit: "2GB" });
  const connection = await instance.connect();
  const table = [];
  for (const lists of sizes) {
    const [shown, all] = [join(folder, `${lists}-shown.parquet`), join(folder, `${lists}-all.parquet`)];
    await connection.run(`COPY (${logSql(lists, SHOWN)}) TO '${shown}' (FORMAT parquet)`);
    await connection.run(`COPY (${logSql(lists, CANDIDATES)}) TO '${all}' (FORMAT parquet)`);
    table.push(
      measure("probabilities", lists, ["--on", shown, "--policy", "new_probability"]),
      measure("scores", lists, ["--on", all, "--score", "liking", "--temperature", "1"]),
      measure("fitted rewards", lists, ["--on", all, "--score", "liking", "--temperature", "1", "--fit-rewards"]),
      measure("ensemble", lists, ["shop.ensemble.ts", "--on", all]),
    );
  }
  connection.closeSync();
  instance.closeSync();
  console.log(`DuckDB's memory limit ${memoryLimit}`);
  console.table(table);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** `merlon vectors` as a command, with a real PostgreSQL: loads Parquet twice, removes items, and describes the table. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "#conformance/free-ports.js";
import { MERLON } from "../needs/built.js";
import { startPostgres, type TestPostgres } from "../runtime/stores/databases/postgres-server.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-vectors-cli-"));
const store = join(folder, "items.vectors.yaml");
/** A load that is refused may have made its table. */
const refused = join(folder, "refused.vectors.yaml");
const parquet = join(folder, "items.parquet");
let server: TestPostgres;

async function writeItems(rows: string): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`COPY (${rows}) TO '${parquet}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
}
const ITEMS = `SELECT 9007199254740993 + i AS item_id, [cos(i), sin(i), 0.5]::FLOAT[] AS embedding,
  CASE WHEN i % 7 = 0 THEN NULL ELSE (i % 50)::INTEGER END AS stock, CASE WHEN i = 3 THEN 'NaN'::DOUBLE ELSE i / 4 END AS price, 'O''Brien' AS brand FROM range(2500) t(i)`;

beforeAll(async () => {
  server = await startPostgres();
  for (const [file, table] of [
    [store, "items"],
    [refused, "refused"],
  ] as const)
    writeFileSync(
      file,
      `type: pgvector\nurl: \${TEST_PG_URL}\ntable: ${table}\ndimension: 3\nmetric: l2\nattributes: { stock: int32, price: float64, brand: string }\n`,
    );
}, 120_000);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

const merlon = (...words: readonly string[]) => merlonAt(server.url, ...words);

async function merlonAt(
  url: string,
  ...words: readonly string[]
): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [MERLON, "vectors", ...words], { env: { ...process.env, TEST_PG_URL: url } });
  const [out, err, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>(done => child.on("close", done)),
  ]);
  return { status, out, err };
}

test("loads a table that it makes, loads it again, and removes items that the data does not have", async () => {
  await writeItems(ITEMS);
  const first = await merlon("load", store, "--from", parquet, "--batch", "300");
  expect([first.err, first.status]).toEqual([expect.not.stringContaining("merlon:"), 0]);
  expect(first.out).toMatch(/Made and loaded .*items\.vectors\.yaml: 2,500 rows/);
  expect(
    await server.run(
      "SELECT count(*)::int AS n, count(stock)::int AS stocks, count(price)::int AS prices, min(id)::text AS first FROM items",
    ),
  ).toEqual([{ n: 2500, stocks: 2142, prices: 2499, first: "9007199254740993" }]);
  await writeItems(`${ITEMS} WHERE i < 2000`);
  const second = await merlon("load", store, "--from", parquet, "--delete-missing");
  expect(second.out).toMatch(/✔ Loaded .*: 2,000 rows.*\n {2}500 items removed/);
  const info = await merlon("info", store);
  expect(info.out).toMatch(
    /server +PostgreSQL 17\.\d+, pgvector 0\.\d+\.\d+\nvectors +2,000 × 3, l2\nids +int64\nindex +hnsw/,
  );
}, 240_000);

test("data that does not fit, and a server that is away, are one sentence", async () => {
  await writeItems(
    "SELECT 1::BIGINT AS item_id, [1, 2]::FLOAT[] AS embedding, 1::INTEGER AS stock, 1.5::DOUBLE AS price, 'x' AS brand",
  );
  const wide = await merlon("load", refused, "--from", parquet);
  expect([wide.status, wide.err]).toEqual([
    1,
    expect.stringMatching(/has vectors of 2 values, and `dimension` of .* is 3\. Load the embeddings/),
  ]);
  await writeItems("SELECT 1::BIGINT AS item_id, [1, 2, 3]::FLOAT[] AS embedding");
  const lacking = await merlon("load", refused, "--from", parquet);
  expect([lacking.status, lacking.err]).toEqual([1, expect.stringMatching(/stock/)]);
  const free = new URL(server.url);
  free.port = String(await freePort());
  const away = await merlonAt(free.href, "info", refused);
  expect([away.status, away.err]).toEqual([
    1,
    expect.stringMatching(
      /^merlon: the vector store `refused\.vectors\.yaml` \(pgvector, \$\{TEST_PG_URL\}\) cannot be reached: .*ECONNREFUSED/,
    ),
  ]);
}, 240_000);

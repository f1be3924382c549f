/** `merlon vectors` and `merlon build --check-stores` with Milvus' protocol: makes a collection, replaces its items at once, and describes it. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MERLON } from "../needs/built.js";
import { startMilvus, type TestMilvus } from "../runtime/stores/databases/milvus-server.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-vectors-milvus-"));
let server: TestMilvus;
const ITEMS = `SELECT CASE WHEN i = 0 THEN -5 ELSE 9007199254740993 + i END AS item_id, [cos(i), sin(i), 0.5]::FLOAT[] AS embedding,
  CASE WHEN i % 7 = 0 THEN NULL ELSE (i % 50)::INTEGER END AS stock, 'O''Brien' AS brand FROM range(1500) t(i)`;

async function writeItems(rows: string): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`COPY (${rows}) TO '${join(folder, "items.parquet")}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
}

beforeAll(async () => {
  server = await startMilvus();
  writeFileSync(
    join(folder, "items.vectors.yaml"),
    "type: milvus\nurl: ${TEST_MILVUS_URL}\ncollection: items\ndimension: 3\nattributes: { stock: int32, brand: string }\ntimeoutMs: 20000\n",
  );
  writeFileSync(
    join(folder, "near.ensemble.ts"),
    `import { ensemble, queryVectors, source } from "merlon";
const request = source({ query: "float32[3]" });
export default ensemble("near", request["query"] >> queryVectors("items.vectors.yaml", { topk: 5 }));
`,
  );
}, 120_000);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

async function merlon(...words: readonly string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [MERLON, ...words], {
    cwd: folder,
    env: { ...process.env, TEST_MILVUS_URL: server.url },
  });
  const [out, err, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>(done => child.on("close", done)),
  ]);
  return { status, out, err };
}

test("makes a collection, replaces its items, and describes it", { timeout: 240_000 }, async () => {
  const build = ["build", "near.ensemble.ts", "--out", "models", "--check-stores"];
  expect((await merlon(...build)).err).toMatch(
    /has no collection `items`.*\n {2}merlon vectors load items\.vectors\.yaml --from items\.parquet/,
  );
  await writeItems(ITEMS);
  const load = ["vectors", "load", "items.vectors.yaml", "--from", "items.parquet"];
  const first = await merlon(...load, "--batch", "300");
  expect([first.err, first.status]).toEqual([expect.not.stringContaining("merlon:"), 0]);
  expect(first.out).toMatch(/Made and loaded items\.vectors\.yaml: 1,500 rows/);
  await writeItems(`${ITEMS} WHERE i < 1000`);
  expect((await merlon(...load, "--delete-missing")).out).toMatch(/✔ Loaded .*: 1,000 rows.*\n {2}500 items removed/);
  expect((await merlon("vectors", "info", "items.vectors.yaml")).out).toMatch(
    /server +Milvus \S+\nvectors +1,000 × 3, cosine\nids +int64\nindex +hnsw\nattributes +stock: int32, brand: string/,
  );
  expect((await merlon(...build)).err).toMatch(/items\.vectors\.yaml matches its \S+: 1,000 vectors, Milvus/);
});

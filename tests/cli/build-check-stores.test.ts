// `merlon build --check-stores` with a real PostgreSQL: names store, table and column, and the command that fills it. Nothing is written before.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MERLON } from "../needs/built.js";
import { startPostgres, type TestPostgres } from "../runtime/stores/databases/postgres-server.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-check-stores-"));
let server: TestPostgres;

beforeAll(async () => {
  server = await startPostgres();
  writeFileSync(
    join(folder, "items.vectors.yaml"),
    "type: pgvector\nurl: ${TEST_PG_URL}\ntable: items\ndimension: 3\nmetric: l2\nattributes: { stock: int32 }\n",
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

async function buildChecked(...flags: readonly string[]): Promise<{ status: number | null; err: string }> {
  rmSync(join(folder, "models"), { recursive: true, force: true });
  const child = spawn(process.execPath, [MERLON, "build", "near.ensemble.ts", "--out", "models", ...flags], {
    cwd: folder,
    env: { ...process.env, TEST_PG_URL: server.url },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [err, status] = await Promise.all([
    text(child.stderr),
    new Promise<number | null>(done => child.on("close", done)),
  ]);
  return { status, err };
}

const COMMAND = "\n  merlon vectors load items.vectors.yaml --from items.parquet\n";

test("names the store, the table, the column and the command", { timeout: 240_000 }, async () => {
  const refused = async (reason: RegExp) => {
    const { status, err } = await buildChecked("--check-stores");
    expect([status, err]).toEqual([1, expect.stringMatching(reason)]);
    expect(err).toContain("the vector store `items.vectors.yaml`");
    expect(err).toContain(COMMAND);
    expect(existsSync(join(folder, "models"))).toBe(false);
  };
  await refused(/has no table `items`/);
  // Without the flag, a build needs no connection.
  expect((await buildChecked()).status).toBe(0);
  await server.run("CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(4), stock integer)");
  await refused(/column `embedding` of table `items` is vector\(4\), and the file says vector\(3\)/);
  await server.run("DROP TABLE items; CREATE TABLE items (id text PRIMARY KEY, embedding vector(3), stock integer)");
  await refused(/column `id` of table `items` is text, and the file says bigint/);
  await server.run("DROP TABLE items; CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3))");
  await refused(/table `items` has no column `stock`/);
  await server.run("ALTER TABLE items ADD COLUMN stock text");
  await refused(/column `stock` of table `items` is text, and the file says integer/);
  await server.run("ALTER TABLE items ALTER COLUMN stock TYPE integer USING stock::integer");
  const empty = await buildChecked("--check-stores");
  expect(empty).toEqual({
    status: 0,
    err: expect.stringMatching(
      /items\.vectors\.yaml matches its database: 0 vectors, PostgreSQL .*Fill it: merlon vectors load/,
    ),
  });
  await server.run("INSERT INTO items VALUES (1, '[1,2,3]', 4)");
  expect((await buildChecked("--check-stores")).err).toMatch(
    /^note: items\.vectors\.yaml matches its database: 1 vectors, PostgreSQL 17\.\d+, pgvector \S+\n$/m,
  );
  expect(existsSync(join(folder, "models", "near"))).toBe(true);
  await server.kill();
  await refused(/cannot be reached/);
  await server.restart();
});

/** `merlon vectors` and `build --check-stores` as commands, with a real Redis: a set is loaded, replaced whole, checked and built. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { MERLON } from "../needs/built.js";
import { startRedis, type TestRedis } from "../runtime/stores/feast/redis-server.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-vectors-redis-"));
const PASSWORD = "p@ss word";
let server: TestRedis;

async function writeItems(rows: string): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`COPY (${rows}) TO '${join(folder, "items.parquet")}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
}
const ITEMS = `SELECT 9007199254740993 + i AS item_id, [cos(i), sin(i), 0.5]::FLOAT[] AS embedding,
  CASE WHEN i % 7 = 0 THEN NULL ELSE (i % 50)::BIGINT END AS stock, CASE WHEN i = 3 THEN 'NaN'::DOUBLE ELSE i / 4 END AS price, 'O"Brien' AS brand FROM range(2500) t(i)`;

const describeStore = (fields = ""): void =>
  writeFileSync(
    join(folder, "items.vectors.yaml"),
    `type: redis\nurl: \${TEST_REDIS_URL}\nkey: items\ndimension: 3\nattributes: { stock: int64, price: float64, brand: string }\n${fields}`,
  );

beforeAll(async () => {
  server = await startRedis(["--requirepass", PASSWORD], { password: PASSWORD });
  describeStore();
  writeFileSync(
    join(folder, "near.ensemble.ts"),
    `import { ensemble, queryVectors, source } from "merlon";
const request = source({ query: "float32[3]", brand: "string" });
export default ensemble("near", request >> queryVectors("items.vectors.yaml", { topk: 5, where: (item, user) => item.brand === user.brand }));
`,
  );
}, 120_000);
beforeEach(() => server.client().call("FLUSHALL"));
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

async function merlon(...words: readonly string[]): Promise<{ status: number | null; out: string; err: string }> {
  const url = `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}`;
  const child = spawn(process.execPath, [MERLON, ...words], {
    cwd: folder,
    env: { ...process.env, TEST_REDIS_URL: url },
  });
  const [out, err, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>(done => child.on("close", done)),
  ]);
  expect(out + err).not.toContain(PASSWORD);
  return { status, out, err };
}

const LOAD = ["vectors", "load", "items.vectors.yaml", "--from", "items.parquet"];

async function loadSome(): Promise<void> {
  await writeItems(`${ITEMS} WHERE i < 2000`);
  expect(await merlon(...LOAD)).toMatchObject({ status: 0 });
}

test("loads a set that it makes, replaces it whole, and describes it", async () => {
  await writeItems(ITEMS);
  const first = await merlon(...LOAD, "--batch", "300");
  expect([first.err, first.status]).toEqual([expect.not.stringContaining("merlon:"), 0]);
  expect(first.out).toMatch(/Made and loaded items\.vectors\.yaml: 2,500 rows/);
  const client = server.client();
  const attributesOf = async (id: string) => JSON.parse(String(await client.call("VGETATTR", "items", id))) as unknown;
  expect(await attributesOf("9007199254740996")).toEqual({
    stock: 3,
    "has-stock": 1,
    price: 0,
    "has-price": 0,
    brand: "O%22Brien",
    "has-brand": 1,
  });
  expect(await attributesOf("9007199254740993")).toMatchObject({ stock: 0, "has-stock": 0 });
  await writeItems(`${ITEMS} WHERE i < 2000`);
  const second = await merlon(...LOAD, "--delete-missing");
  expect(second.out).toMatch(/✔ Loaded .*: 2,000 rows.*\n {2}500 items removed/);
  expect((await merlon("vectors", "info", "items.vectors.yaml")).out).toMatch(
    /server +Redis 8\.\S+\nvectors +2,000 × 3, cosine\nids +int64\nindex +hnsw with 16 links\nattributes +stock: int64, price: float64, brand: string/,
  );
  // Nothing but the set and its layout is left.
  expect((await client.keys("*")).sort()).toEqual(["items", "items:merlon"]);
  expect(await client.ttl("items")).toBe(-1);
}, 240_000);

test("a build compares the set with the program before it writes the repository", async () => {
  await loadSome();
  const build = () => merlon("build", "near.ensemble.ts", "--out", "models", "--check-stores");
  expect((await build()).err).toMatch(/items\.vectors\.yaml matches its database: 2,000 vectors, Redis 8\.\S+\n/);
  expect(existsSync(join(folder, "models", "near"))).toBe(true);
  rmSync(join(folder, "models"), { recursive: true });
  const client = server.client();
  await client.rename("items", "others");
  const absent = await build();
  expect([absent.status, absent.err]).toEqual([
    1,
    expect.stringMatching(
      /the vector store `items\.vectors\.yaml` \(redis, \$\{TEST_REDIS_URL\}\) refuses: .*key does not exist\. Load it with `merlon vectors load`, or correct `key`\.\n {2}merlon vectors load items\.vectors\.yaml --from items\.parquet\n/,
    ),
  ]);
  expect(existsSync(join(folder, "models"))).toBe(false);
  await client.rename("others", "items");
  describeStore("ids: string\n");
  const other = await build();
  expect(other.err).toMatch(
    /the ids of `items` are int64, and the file says string\. Correct `ids`, or delete it \(`DEL items items:merlon`\) and load it again\./,
  );
  describeStore();
}, 240_000);

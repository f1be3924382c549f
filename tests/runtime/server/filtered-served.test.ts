/**
 * A filtered search from Parquet to answers, in both layouts. The index of lists has ids of its own. The table is replaced under a polling server,
 * and no model is loaded again.
 */
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { build, compile, LAYOUTS, printDiagnostics } from "#compiler/index.js";
import { LIVE_FOLDER } from "#contract/files/live-folder.js";
import { buildIndex } from "#runtime/etl/index-build.js";
import { writeParquet } from "../etl/table-values.js";
import { schemaOf } from "../etl/workflow-plan.js";
import { startServer } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-filtered-"));
const closers: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
  rmSync(folder, { recursive: true, force: true });
});

const ITEMS = Array.from({ length: 60 }, (_, i) => ({
  id: 500 + 11 * i,
  vector: [Math.fround(Math.cos(0.1 * i + 0.003 * i * i)), Math.fround(Math.sin(0.1 * i + 0.003 * i * i))],
  country: i % 7 === 0 ? null : ["de", "fr"][i % 2]!,
  stock: i % 3,
}));
type Item = (typeof ITEMS)[number];
const QUERY = [1, 0.2];
const expected = (items: readonly Item[], country: string): number[] =>
  items
    .filter(item => item.stock > 0 && item.country === country)
    .sort((a, b) => score(b) - score(a))
    .slice(0, 4)
    .map(({ id }) => id);
const score = ({ vector }: Item): number => vector[0]! * QUERY[0]! + vector[1]! * Math.fround(QUERY[1]!);

const writeTable = (items: readonly Item[], to: string) =>
  writeParquet(to, schemaOf({ item_id: "int64", country: "string", stock: "int32" }), {
    item_id: items.map(({ id }) => id),
    country: items.map(({ country }) => country),
    stock: items.map(({ stock }) => stock),
  });

beforeAll(async () => {
  const data = join(folder, "e.parquet");
  const cells = { id: ITEMS.map(({ id }) => id), e: ITEMS.map(({ vector }) => vector) };
  await writeParquet(data, schemaOf({ id: "int64", e: "list<float32>" }), cells);
  await buildIndex(data, join(folder, "items.faiss"), { id: "id", embedding: "e", factory: "IVF4,Flat", nprobe: 1 });
  await writeTable(ITEMS, join(folder, "items.parquet"));
  writeFileSync(join(folder, "package.json"), "{}");
  const program = join(folder, "shop.ensemble.ts");
  writeFileSync(
    program,
    `import { ensemble, queryFaiss, source } from "merlon";
const request = source({ query: "float32[2]", country: "string" });
const found = request >> queryFaiss("items.faiss", { topk: 4, attributes: "items.parquet", where: (item, user) => item.stock > 0 && item.country === user.country });
export default ensemble("shop", found["candidate_ids"]);
`,
  );
  const made = await compile(program);
  if (!made.ok) throw new Error(printDiagnostics(made.diagnostics));
  for (const layout of LAYOUTS) build(made, join(folder, layout), { layout });
}, 120_000);

/** The table of a built repository. */
const tableIn = (repository: string): string =>
  join(
    repository,
    readdirSync(repository, { recursive: true, encoding: "utf8" }).find(path => path.endsWith(".parquet"))!,
  );

test.each(LAYOUTS)("%s: two users, and a table that is replaced", { timeout: 60_000 }, async layout => {
  const repository = join(folder, `${layout}-served`);
  cpSync(join(folder, layout), repository, { recursive: true });
  expect(tableIn(repository)).toContain(`/1/${LIVE_FOLDER}/`);
  const server = await startServer(repository, { modelControlMode: "poll", repositoryPollSeconds: 0.05 });
  closers.push(() => server.stop());
  const ask = async (): Promise<number[][]> => {
    const inputs = [
      { name: "query", shape: [2, 2], datatype: "FP32", data: [...QUERY, ...QUERY] },
      { name: "country", shape: [2, 1], datatype: "BYTES", data: ["de", "fr"] },
    ];
    const { body } = await server.post("/v2/models/shop/infer", { inputs });
    const [{ data, shape }] = (body as { outputs: [{ data: number[]; shape: number[] }] }).outputs;
    expect(shape).toEqual([2, 4]);
    // A row is filled up with -1.
    return [data.slice(0, 4), data.slice(4)].map(row => row.filter(id => id >= 0));
  };
  expect(await ask()).toEqual([expected(ITEMS, "de"), expected(ITEMS, "fr")]);
  const inputs = [
    { name: "query", shape: [2, 2], datatype: "FP32", data: [...QUERY, ...QUERY] },
    { name: "country", shape: [2, 1], datatype: "BYTES", data: ["de", "xx"] },
  ];
  if (layout === "executor") {
    const { body } = await server.post("/v2/models/shop/infer", { inputs, parameters: { explain: true } });
    const { parameters } = body as { parameters: Record<string, string> };
    const items = ITEMS.filter(item => item.stock > 0 && item.country === "de").length;
    expect(JSON.parse(parameters["search.found.queryFaiss"]!)).toEqual([
      { rows: [0], items, of: 60, way: "exact" },
      { rows: [1], items: 0, of: 60, way: "exact" },
    ]);
  }
  const sold = expected(ITEMS, "de")[0]!;
  const now = ITEMS.map(item => (item.id === sold ? { ...item, stock: 0 } : item));
  const table = tableIn(repository);
  await writeTable(now, `${table}.new`);
  renameSync(`${table}.new`, table);
  await vi.waitFor(async () => expect(await ask()).toEqual([expected(now, "de"), expected(now, "fr")]), {
    timeout: 5000,
  });
  expect(server.log.filter(line => line.includes("successfully loaded 'shop'"))).toHaveLength(1);
});

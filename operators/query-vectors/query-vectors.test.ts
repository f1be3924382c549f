// `queryVectors` over a real PostgreSQL: conditions of users, exclusions, and files that are not the plan's.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Expression } from "#contract/expression.js";
import type { Filter } from "#contract/vector-filter/filter.js";
import { parseVectorStore } from "#formats/vectors/vector-store.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { openVectorLoader } from "#runtime/stores/databases/open-database.js";
import { column, context, grouped, lists, prepare, scalars, vectors } from "../../tests/operators/step.js";
import {
  ATTRIBUTES,
  DIMENSION,
  exactly,
  HOSTILE,
  makeItems,
  makeQueries,
  rowsOf,
} from "../../tests/runtime/stores/databases/items.js";
import { startPostgres, type TestPostgres } from "../../tests/runtime/stores/databases/postgres-server.js";

const items = makeItems(1000);
const queries = makeQueries(HOSTILE.length);
const folder = mkdtempSync(join(tmpdir(), "merlon-vectors-"));
const DOCUMENT = {
  type: "pgvector",
  url: "${TEST_PG_URL}",
  table: "items",
  dimension: DIMENSION,
  attributes: ATTRIBUTES,
  index: "none",
  timeoutMs: 20_000,
};
let server: TestPostgres;

const write = (fields: object = {}): void =>
  writeFileSync(join(folder, "items.vectors.yaml"), JSON.stringify({ ...DOCUMENT, ...fields }));

beforeAll(async () => {
  server = await startPostgres();
  vi.stubEnv("TEST_PG_URL", server.url);
  const loader = await openVectorLoader(parseVectorStore(JSON.stringify(DOCUMENT)), "items.vectors.yaml");
  await loader.create();
  await loader.upsert(rowsOf(items));
  await loader.finish();
  await loader.close();
  write();
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
  await server.stop();
});

const call = (name: string, ...args: Expression[]) => ({ call: name, args }) as Expression;
const inStock = call("greaterIntegers", { column: "item.stock", exact: true }, { integer: "0" });
const sameCountry = call("equal", { column: "item.country" }, { column: "user.country" });
const ofAge = call("or", call("not", { column: "item.adult" }), { column: "user.member" });

const stepOf = (
  conditions: readonly Expression[] = [],
  more: { topk?: number; user?: string[]; exclude?: string; includeDistances?: boolean } = {},
) => ({
  params: {
    store: "items.vectors.yaml",
    type: "pgvector",
    dimension: DIMENSION,
    topk: more.topk ?? 5,
    includeDistances: more.includeDistances ?? true,
    ...(conditions.length > 0 && {
      where: {
        text: "…",
        conditions: [...conditions],
        attributes: { stock: "int32" as const, country: "string" as const, adult: "bool" as const },
      },
    }),
  },
  inputs: { input: ["query"], ...(more.user && { user: more.user }), ...(more.exclude && { exclude: [more.exclude] }) },
  outputs: [column("candidate_ids", "int64", { rows: "s1" }), column("candidate_distances", "float32", { rows: "s1" })],
  artefacts: { store: "items.vectors.yaml" },
});

const input = (some: readonly Float32Array[]) => [
  vectors(
    "float32",
    some.map(v => [...v]),
    DIMENSION,
  ),
];

test("each user's values decide, whatever characters they have, in a batch as one by one", async () => {
  const kernel = await prepare(
    "queryVectors",
    stepOf([inStock, sameCountry, ofAge], { user: ["country", "member"] }),
    folder,
  );
  const countries = HOSTILE.map((country, i) => (i === 5 ? null : country));
  const members = HOSTILE.map((_, i) => (i % 3 === 2 ? null : i % 3 === 1));
  const run = (rows: readonly number[]) =>
    kernel.run(
      {
        input: input(rows.map(i => queries[i]!)),
        user: [
          scalars(
            "string",
            rows.map(i => countries[i]!),
          ),
          scalars(
            "bool",
            rows.map(i => members[i]!),
          ),
        ],
      },
      context(),
    );
  const all = HOSTILE.map((_, i) => i);
  const [ids, distances] = (await run(all)).map(grouped);
  for (const i of all) {
    const country: Filter =
      countries[i] === null
        ? { attribute: "country", missing: true }
        : { attribute: "country", is: "=", value: countries[i]! };
    const adults: Filter = members[i]
      ? { always: true }
      : {
          any: [
            { attribute: "adult", missing: true },
            { attribute: "adult", is: "=", value: false },
          ],
        };
    const filter: Filter = { all: [{ attribute: "stock", is: ">", value: 0n }, country, adults] };
    const wanted = exactly(items, { vector: queries[i]!, k: 5, filter });
    expect(ids![i]).toEqual(wanted.map(({ id }) => id));
    for (const [j, { score }] of wanted.entries()) expect(distances![i]![j]).toBeCloseTo(score, 5);
    const alone = (await run([i])).map(grouped);
    expect(alone).toEqual([[ids![i]], [distances![i]]]);
  }
  expect(ids!.flat().length).toBeGreaterThan(30);
  await kernel.close?.();
}, 60_000);

test("excluded ids are replaced by others, and a user whose condition fails gets no candidates", async () => {
  const kernel = await prepare(
    "queryVectors",
    stepOf([call("truthy", { column: "user.member" })], { topk: 4, user: ["member"], exclude: "seen" }),
    folder,
  );
  const best = exactly(items, { vector: queries[0]!, k: 8, filter: { always: true } }).map(({ id }) => id);
  const seen = lists("int64", [[best[0]!, best[2]!, 5n], [], []]);
  const member = scalars("bool", [true, true, false]);
  const [ids] = await kernel.run(
    { input: input([queries[0]!, queries[0]!, queries[0]!]), exclude: [seen], user: [member] },
    context(),
  );
  expect(grouped(ids!)).toEqual([[best[1]!, best[3]!, best[4]!, best[5]!], best.slice(0, 4), []]);
  const [none] = await kernel.run(
    {
      input: [vectors("float32", [], DIMENSION, rootRows(0))],
      exclude: [lists("int64", [])],
      user: [scalars("bool", [])],
    },
    context(),
  );
  expect(grouped(none!)).toEqual([]);
  await kernel.close?.();
}, 60_000);

test("NaN in a query and too many exclusions are refused by row", async () => {
  const kernel = await prepare("queryVectors", stepOf([], { exclude: "seen" }), folder);
  const bad = input([queries[0]!, Float32Array.from(queries[1]!, (x, i) => (i === 3 ? Number.NaN : x))]);
  expect(() => kernel.run({ input: bad, exclude: [lists("int64", [[], []])] }, context())).toThrow(
    "column `query` holds NaN at row 1, place 3",
  );
  const many = lists("int64", [Array.from({ length: 17_000 }, (_, i) => BigInt(i))]);
  await expect(kernel.run({ input: input([queries[0]!]), exclude: [many] }, context())).rejects.toThrow(
    /leaves out 17000 ids.*Send fewer ids in `exclude`/,
  );
  await kernel.close?.();
}, 60_000);

// Changes from files, and a base that has them: of Flat indexes the answers of one that was built anew, of other kinds no worse.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readTextIds, textIdsFile } from "#formats/faiss/text-ids.js";
import { type ApplyOptions, applyChanges } from "#runtime/etl/delta/apply.js";
import { compactIndex } from "#runtime/etl/delta/compact.js";
import { buildIndex } from "#runtime/etl/index-build.js";
import { readDelta } from "#runtime/stores/vectors/delta/read-delta.js";
import { openIndex } from "#runtime/stores/vectors/open-index.js";
import "../../../needs/built.js";
import { writeParquet } from "../table-values.js";
import { schemaOf } from "../workflow-plan.js";

const D = 8;
let seed = 5;
const draw = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const vector = () => Array.from({ length: D }, () => Math.fround(draw() - 0.5));
type Rows = readonly (readonly [id: number | string, vector: number[]])[];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-apply-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const write = (
  name: string,
  rows: Rows,
  more: Record<string, { type: string; cells: (number | string | null)[] }> = {},
) => {
  const types = Object.fromEntries(Object.entries(more).map(([column, { type }]) => [column, type]));
  const cells = Object.fromEntries(Object.entries(more).map(([column, { cells: all }]) => [column, all]));
  const id = typeof rows[0]![0] === "string" ? "string" : "int64";
  return writeParquet(
    at(name),
    schemaOf({ item_id: id, embedding: "list<float32>", ...types } as Parameters<typeof schemaOf>[0]),
    {
      item_id: rows.map(([key]) => key),
      embedding: rows.map(([, values]) => values),
      ...cells,
    },
  );
};
const apply = (options: Partial<ApplyOptions>) =>
  applyChanges(at("items.faiss"), {
    upserts: [],
    deletes: [],
    id: "item_id",
    embedding: "embedding",
    waitMs: 1000,
    ...options,
  });

async function found(file: string, queries: readonly number[][], k = 10): Promise<string[][]> {
  const index = await openIndex(file, file.includes("ivf") ? { nprobe: 4 } : {});
  const hits = await index.search(Float32Array.from(queries.flat()), queries.length, k);
  const map = textIdsFile(file);
  const texts = readdirSync(folder).includes(map.slice(folder.length + 1))
    ? readTextIds(map, { index: file, ntotal: index.header.ntotal })
    : undefined;
  await index.close();
  return queries.map((_, row) =>
    Array.from(hits.ids.subarray(hits.offsets[row]!, hits.offsets[row + 1]!), (id, i) => {
      const distance = hits.distances[hits.offsets[row]! + i]!;
      return `${texts ? texts.at(Number(id)) : id} ${distance.toPrecision(5)}`;
    }),
  );
}

describe("a compacted index", () => {
  test.each([
    ["Flat", "int64"],
    ["Flat", "string"],
    ["IVF4,Flat", "int64"],
    ["IVF4,Flat", "string"],
    ["HNSW16,Flat", "int64"],
    ["SQ8", "int64"],
  ] as const)("%s with %s ids", { timeout: 240_000 }, async (factory, kind) => {
    const name = (i: number) => (kind === "string" ? `sku ${i}` : 7 * i);
    const base = Array.from({ length: 200 }, (_, i) => [name(i), vector()] as const);
    await write("base.parquet", base);
    const options = {
      id: "item_id",
      embedding: "embedding",
      factory,
      textIds: kind === "string",
      ...(factory.startsWith("IVF") && { nprobe: 4 }),
    };
    await buildIndex(at("base.parquet"), at("items.faiss"), options);
    const fresh = Array.from({ length: 40 }, (_, i) => [name(i < 20 ? 3 * i : 500 + i), vector()] as const);
    await write("fresh.parquet", fresh);
    const gone = [name(1), name(2), name(199), name(999)];
    writeFileSync(at("gone.txt"), gone.map(id => `${id}\n`).join(""));
    const applied = await apply({ upserts: [at("fresh.parquet")], deletes: [at("gone.txt")] });
    expect(applied).toMatchObject({ upserts: 40, deletes: 4, unknown: 1, firstUnknown: String(name(999)) });
    const changed = new Set([...fresh.map(([id]) => id), ...gone]);
    const now = [...base.filter(([id]) => !changed.has(id)), ...fresh];
    await write("now.parquet", now);
    await buildIndex(at("now.parquet"), at("rebuilt.faiss"), options);
    expect(await compactIndex(at("items.faiss"), { waitMs: 1000 })).toEqual({
      file: at("items.faiss"),
      count: now.length,
      changes: 43 + 1,
    });
    const queries = Array.from({ length: 20 }, vector);
    const [got, wanted] = [await found(at("items.faiss"), queries), await found(at("rebuilt.faiss"), queries)];
    if (factory === "Flat" || factory === "IVF4,Flat") expect(got).toEqual(wanted);
    else {
      const same = got.flatMap((row, i) =>
        row.filter(hit => wanted[i]!.some(other => other.split(" ")[0] === hit.split(" ")[0])),
      );
      expect(same.length).toBeGreaterThanOrEqual(0.95 * wanted.flat().length);
    }
    // Again, with nothing and then with little to do.
    expect((await compactIndex(at("items.faiss"), { waitMs: 1000 })).changes).toBe(0);
    const left = readdirSync(folder).filter(file => file.startsWith("items.faiss"));
    expect(left.sort()).toEqual([
      "items.faiss",
      "items.faiss.delta",
      "items.faiss.delta.compact.lock",
      "items.faiss.delta.lock",
      ...(kind === "string" ? ["items.faiss.ids.arrow"] : []),
    ]);
  });
});

describe("changes that are refused, of which nothing is applied", () => {
  beforeEach(async () => {
    await write("base.parquet", [
      [1, vector()],
      [2, vector()],
    ]);
    await buildIndex(at("base.parquet"), at("items.faiss"), { id: "item_id", embedding: "embedding" });
  });
  const nothing = async () => expect((await readDelta(at("items.faiss.delta")))?.contents.commits ?? 0).toBe(0);
  test.each([
    [
      "a vector of another length",
      async () => write("bad.parquet", [[3, [1, 2, 3]]]),
      /bad\.parquet, row 0 \(from 0\), id 3: column `embedding` has 3 numbers, and the index vectors of 8/,
    ],
    [
      "NaN",
      async () =>
        write("bad.parquet", [
          [3, vector()],
          [4, [...vector().slice(1), Number.NaN]],
        ]),
      /row 1 \(from 0\), id 4: column `embedding` has a null or NaN at place 7/,
    ],
    ["text ids", async () => write("bad.parquet", [["sku", vector()]]), /item_id/],
  ] as const)("%s", async (_, make, message) => {
    await make();
    await expect(apply({ upserts: [at("bad.parquet")] })).rejects.toThrow(message);
    await nothing();
  });
});

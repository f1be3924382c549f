import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { strToU8, zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readImplicitFactors } from "#formats/tables/implicit.js";
import { buildEmbeddingTable, importHugectrTable, importNpzTable } from "#runtime/etl/embedding-table.js";
import { openEmbeddingTable } from "#runtime/stores/embeddings/embedding-table.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-embedding-"));
const table = join(folder, "items.embedding");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Ids around every boundary of words, each with the vector [id mod 1000, row, −1]. */
const IDS = [5n, -3n, 0n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n + 1n, -(2n ** 40n), 2n ** 62n + 7n];
const vectorOf = (id: bigint, row: number) => [Number(id % 1000n), row, -1];

async function parquet(name: string, select: string): Promise<string> {
  const file = join(folder, name);
  const connection = await (await DuckDBInstance.create()).connect();
  await connection.run(`COPY (${select}) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  return file;
}

beforeAll(async () => {
  const rows = IDS.map((id, row) => `(${id}::BIGINT, [${vectorOf(id, row).join(", ")}]::FLOAT[])`);
  const file = await parquet("items.parquet", `SELECT * FROM (VALUES ${rows.join(", ")}) t(item_id, v)`);
  expect(await buildEmbeddingTable([file], table, { id: "item_id", embedding: "v" })).toEqual({
    count: 8,
    dimension: 3,
  });
});

describe("an embedding table", () => {
  test.each([
    ["in memory", 1e6],
    ["on disk, without a cache", 0],
    // Eight rows of 3 · 4 + 5 bytes, and a byte of the set.
    ["on disk, with a cache", 8 * 17 + 1],
  ])("finds every id, and none that is not there: %s", (_, memory) => {
    const open = openEmbeddingTable(table, memory);
    expect(open.memory).toBeLessThanOrEqual(memory);
    const find = (id: bigint) => open.find(Number(BigInt.asIntN(32, id)), Number(id >> 32n));
    const found = new Float32Array(3);
    for (let round = 0; round < 2; round++)
      IDS.forEach((id, row) => {
        open.copy(find(id), found, 0);
        expect([...found]).toEqual(vectorOf(id, row));
      });
    const others = [4n, 6n, -5n, 2n ** 31n + 1n, 2n ** 53n, 2n ** 62n, ...IDS.map(id => id + 2n ** 32n)];
    for (const id of others) expect(find(id)).toBe(-1);
    open.close();
  });
  test("a table that is truncated while it is served fails the request, with a fix", () => {
    const cut = join(folder, "cut.embedding");
    cpSync(table, cut, { recursive: true });
    const open = openEmbeddingTable(cut, 0);
    const found = new Float32Array(3);
    truncateSync(join(cut, "vectors.f32"), 30);
    open.copy(1, found, 0);
    expect(() => open.copy(2, found, 0)).toThrow(
      "vectors.f32 ends at byte 30, expected 36: it was truncated after it was opened. Put the whole file back, and load the model again.",
    );
    open.close();
  });
  /** The table of a sparse model of HugeCTR with three keys. */
  const importedAs = (name: string): string => {
    const model = join(folder, `${name}_0_sparse_2000.model`);
    mkdirSync(model);
    writeFileSync(join(model, "key"), new Uint8Array(BigInt64Array.of(30n, -1n, 20n).buffer));
    writeFileSync(join(model, "emb_vector"), new Uint8Array(Float32Array.of(3, 30, 1, 10, 2, 20).buffer));
    const out = join(folder, `${name}.embedding`);
    expect(importHugectrTable(model, out)).toEqual({ count: 3, dimension: 2 });
    return out;
  };
  test("HugeCTR's sparse model folder: keys in any order", async () => {
    const out = importedAs("dcn");
    const open = openEmbeddingTable(out, 1e6);
    const found = new Float32Array(2);
    open.copy(open.find(20, 0), found, 0);
    expect([...found]).toEqual([2, 20]);
    open.close();
  });
  test("an invalid table is refused, and nothing is left behind", async () => {
    const twice = await parquet("twice.parquet", "SELECT 1::BIGINT AS item_id, [1.0::FLOAT] AS v FROM range(2)");
    const out = join(folder, "never.embedding");
    await expect(buildEmbeddingTable([twice], out, { id: "item_id", embedding: "v" })).rejects.toThrow(
      "column `item_id` has the id 1 in 2 rows (0 and 1, from 0). Each id must be unique.",
    );
    const ragged = await parquet(
      "ragged.parquet",
      "SELECT i::BIGINT AS item_id, range(i)::FLOAT[] AS v FROM range(1, 3) t(i)",
    );
    await expect(buildEmbeddingTable([ragged], out, { id: "item_id", embedding: "v" })).rejects.toThrow(
      "column `v` has lists of 1 to 2 values",
    );
    for (const odd of ["'inf'", "'-inf'", "'nan'", "NULL"]) {
      const data = await parquet(
        "odd.parquet",
        `SELECT i::BIGINT AS item_id, [1, CASE WHEN i = 7 THEN ${odd}::FLOAT ELSE 2 END]::FLOAT[] AS v FROM range(10) t(i)`,
      );
      await expect(buildEmbeddingTable([data], out, { id: "item_id", embedding: "v" }), odd).rejects.toThrow(
        "column `v` has nulls, NaN or infinity in 1 rows, such as that of id 7. Leave those rows out.",
      );
    }
    expect(() => importHugectrTable(folder, out)).toThrow("has no file `key`");
    const model = join(folder, "odd.model");
    mkdirSync(model);
    writeFileSync(join(model, "key"), new Uint8Array(BigInt64Array.of(30n, 20n).buffer));
    writeFileSync(join(model, "emb_vector"), new Uint8Array(Float32Array.of(3, Number.POSITIVE_INFINITY, 1, 2).buffer));
    expect(() => importHugectrTable(model, out)).toThrow("the vector of key 30 holds Infinity.");
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).some(name => name.includes("staging"))).toBe(false);
    const cut = importedAs("cut");
    for (const size of [8, 25, 28]) {
      truncateSync(join(cut, "vectors.f32"), size);
      expect(() => openEmbeddingTable(cut, 1e6)).toThrow(
        `vectors.f32 has ${size} bytes, and 3 keys of dimension 2 take 24`,
      );
    }
  });
});

describe("numpy's arrays", () => {
  const FACTORS = join(import.meta.dirname, "../../../fixtures/implicit/als.npz");
  test("vectors by their row", () => {
    const out = join(folder, "als.embedding");
    expect(importNpzTable(FACTORS, out, "item_factors")).toEqual({ count: 60, dimension: 8 });
    const open = openEmbeddingTable(out, 1e6);
    const found = new Float32Array(8);
    open.copy(open.find(7, 0), found, 0);
    expect(found).toEqual(readImplicitFactors(FACTORS).itemFactors.subarray(56, 64));
    open.close();
  });
  test("keys of their own, in any order; what does not fit is refused by name", () => {
    const npy = (descr: string, shape: string, data: Uint8Array) => {
      const header = strToU8(`{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }\n`);
      return Uint8Array.of(0x93, ...strToU8("NUMPY"), 1, 0, header.length, 0, ...header, ...data);
    };
    const bytes = (values: { buffer: ArrayBufferLike }) => new Uint8Array(values.buffer as ArrayBuffer);
    const file = join(folder, "keys.npz");
    const save = (keys: number[], vectors: number[]) =>
      writeFileSync(
        file,
        zipSync({
          "keys.npy": npy("<i8", `${keys.length},`, bytes(BigInt64Array.from(keys, BigInt))),
          "vectors.npy": npy("<f4", `${vectors.length / 2}, 2`, bytes(Float32Array.from(vectors))),
        }),
      );
    const out = join(folder, "keys.embedding");
    save([9, -4], [1, 2, 3, 4]);
    importNpzTable(file, out, "vectors", "keys");
    const open = openEmbeddingTable(out, 0);
    const found = new Float32Array(2);
    open.copy(open.find(-4, -1), found, 0);
    expect([...found]).toEqual([3, 4]);
    open.close();
    save([9, 9], [1, 2, 3, 4]);
    expect(() => importNpzTable(file, out, "vectors", "keys")).toThrow("key 9 comes twice");
    save([9], [1, 2, 3, 4]);
    expect(() => importNpzTable(file, out, "vectors", "keys")).toThrow("`keys` has the shape (1); expected 2 integers");
    save([9, 8], [1, 2, 3, Number.NaN]);
    expect(() => importNpzTable(file, out, "vectors", "keys")).toThrow("`vectors` holds NaN in row 1");
    expect(() => importNpzTable(file, out, "other")).toThrow("has no array `other`; it has keys, vectors");
  });
});

// The calls of the FAISS thread, without a thread. FAISS in Python found the same hits in each kind of file.
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { faissCalls } from "#runtime/stores/vectors/faiss-calls.js";
import { flat, refined } from "../../../walls/support/faiss-file.js";

vi.mock(import("#formats/faiss/faiss.js"), { spy: true });
const FIXTURES = join(import.meta.dirname, "../../../fixtures/faiss");
interface Answers {
  readonly dimension: number;
  readonly queries: readonly number[];
  readonly indexes: Readonly<
    Record<string, { metric: string; ntotal: number; ids: readonly string[][]; distances: readonly number[][] }>
  >;
}
const { dimension, queries, indexes } = JSON.parse(readFileSync(join(FIXTURES, "answers.json"), "utf8")) as Answers;
const folder = mkdtempSync(join(tmpdir(), "merlon-faiss-calls-"));
afterAll(() => rmSync(folder, { recursive: true }));
const count = queries.length / dimension;
const asked = () => Float32Array.from(queries);

const rows = ({ ids, distances, offsets }: { ids: BigInt64Array; distances: Float32Array; offsets: Int32Array }) =>
  Array.from({ length: offsets.length - 1 }, (_, row) => ({
    ids: [...ids.subarray(offsets[row], offsets[row + 1])].map(String),
    distances: [...distances.subarray(offsets[row], offsets[row + 1])],
  }));

describe("files that FAISS wrote", () => {
  const names = Object.keys(indexes).filter(name => readdirSync(FIXTURES).includes(`${name}.faiss`));
  test.each(names)("%s: its facts, and its hits", async name => {
    const calls = faissCalls();
    const { metric, ntotal, ids, distances } = indexes[name]!;
    const info = calls.load({ path: join(FIXTURES, `${name}.faiss`), parameters: {} });
    expect(info).toMatchObject({ index: 1, dimension, ntotal, metric, header: { dimension, ntotal, metric } });
    const { value, memory } = await calls.search({ index: 1, queries: asked(), count, k: Math.min(8, ntotal) });
    expect(new Set(memory)).toEqual(new Set([value.ids.buffer, value.distances.buffer, value.offsets.buffer]));
    rows(value).forEach((row, i) => {
      expect(row.ids).toEqual(ids[i]!.filter(id => id !== "-1"));
      row.distances.forEach((distance, j) => void expect(distance).toBeCloseTo(distances[i]![j]!, 4));
    });
  });
});

describe("indexes", () => {
  test("visit the given number of lists, instead of the number in the file", async () => {
    const calls = faissCalls();
    const path = join(FIXTURES, "ivf-l2.faiss");
    const { index: one } = calls.load({ path, parameters: {} });
    const { index: four } = calls.load({ path, parameters: { nprobe: 4 } });
    const found = await Promise.all(
      [one, four].map(async index => (await calls.search({ index, queries: asked(), count, k: 60 })).value.ids.length),
    );
    expect(found[1]).toBe(60 * count);
    expect(found[0]).toBeLessThan(60 * count);
  });
  test("have ids beyond 2^53, and negative ones", async () => {
    const calls = faissCalls();
    const path = join(folder, "copy.faiss");
    copyFileSync(join(FIXTURES, "ivf-big-ids.faiss"), path);
    calls.load({ path, parameters: { nprobe: 4 } });
    const { value } = await calls.search({ index: 1, queries: asked(), count, k: 2 });
    expect([...value.ids].some(id => id > 2n ** 53n || id < 0n)).toBe(true);
  });
});

describe("a file that cannot be searched", () => {
  test("by a refinement that would compare more vectors than it holds, past a million", async () => {
    const calls = faissCalls();
    const vectors = (n: number) =>
      flat(
        1,
        Float32Array.from({ length: n }, (_, i) => i),
      );
    const path = join(folder, "refined.faiss");
    const load = (n: number, factor: number): number => {
      writeFileSync(path, refined(vectors(n), vectors(n), factor));
      return calls.load({ path, parameters: {} }).index;
    };
    const search = (index: number, k: number) => calls.search({ index, queries: Float32Array.of(0), count: 1, k });
    const wide = load(5000, 256);
    await expect(search(wide, 4097)).rejects.toThrow(
      "a search for 4097 compares 1048832 vectors again (k_factor 256), and the index holds 5000. Set a smaller `k_factor`.",
    );
    expect((await search(wide, 4096)).value.ids).toHaveLength(4096);
    const few = load(3, 2);
    expect([...(await search(few, 3)).value.ids]).toEqual([0n, 1n, 2n]);
  });
});

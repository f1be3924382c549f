// Every factory of `buildIndex` finds most of an exact search's results, recall is measured, and `merlon index search` searches and charts.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readFaissHeaderFile } from "#formats/faiss/faiss.js";
import { buildIndex } from "#runtime/etl/index-build.js";
import { measureRecall } from "#runtime/etl/measure-recall.js";
import { readVectors } from "#runtime/etl/read-vectors.js";
import { inFolder } from "./run-workflow.js";
import { writeParquet } from "./table-values.js";
import { schemaOf } from "./workflow-plan.js";

const [COUNT, DIMENSION] = [800, 8];
const vector = (i: number) =>
  Array.from({ length: DIMENSION }, (_, k) => Math.fround(Math.sin(i * 12.9898 + k * 78.233) * (1 + (i % 3))));
const embeddings = async (folder: string) => {
  const data = join(folder, "e.parquet");
  await writeParquet(data, schemaOf({ id: "int64", e: "list<float32>" }), {
    id: Array.from({ length: COUNT }, (_, i) => 5000 + i),
    e: Array.from({ length: COUNT }, (_, i) => vector(i)),
  });
  return data;
};
const build = (data: string, out: string, factory: string, more: object = {}) =>
  buildIndex(data, out, { id: "id", embedding: "e", factory, ...more });

test.each([
  ["SQ8", "sq", 0.9, {}],
  ["PQ4x4", "pq", 0.3, {}],
  ["IVF8,PQ4x4", "ivf-pq", 0.3, { nprobe: 8 }],
  ["IVF8,SQ8", "ivf-sq", 0.9, { nprobe: 8 }],
  ["HNSW16", "hnsw-flat", 0.95, { efSearch: 64 }],
  ["HNSW16,SQ8", "hnsw-sq", 0.9, { efSearch: 64 }],
])("%s: has its kind, its parameters and most of the exact answer", async (factory, kind, least, more) => {
  await inFolder(async folder => {
    const [data, out, flat] = [await embeddings(folder), join(folder, "i.faiss"), join(folder, "flat.faiss")];
    await build(data, out, factory, { metric: "l2", ...more });
    await build(data, flat, "Flat", { metric: "l2" });
    const header = readFaissHeaderFile(out);
    expect(header.inner ?? header).toMatchObject({ kind, ...more });
    const queries = await readVectors([data], "e", DIMENSION, 50);
    const [point] = await measureRecall(out, queries, { topk: 10, exact: flat, tries: [{}] });
    expect(point!.recall).toBeGreaterThan(least);
    expect(point!.recall).toBeLessThanOrEqual(1);
  });
});

describe("recall", () => {
  test("rises with nprobe to 1 where all lists are visited; of a flat index it is 1", async () => {
    await inFolder(async folder => {
      const [data, out, flat] = [await embeddings(folder), join(folder, "i.faiss"), join(folder, "flat.faiss")];
      await build(data, out, "IVF16,Flat");
      await build(data, flat, "Flat");
      const queries = await readVectors([data], "e", DIMENSION, 40);
      const points = await measureRecall(out, queries, { topk: 10 });
      expect(points.map(p => p.parameters)).toEqual([1, 2, 4, 8, 16].map(nprobe => ({ nprobe })));
      const recalls = points.map(p => p.recall);
      expect(recalls).toEqual([...recalls].sort((a, b) => a - b));
      expect(recalls[0]).toBeLessThan(1);
      expect(recalls.at(-1)).toBe(1);
      expect((await measureRecall(flat, queries, { topk: 10 })).map(p => p.recall)).toEqual([1]);
      await build(data, out, "PQ4x4");
      await expect(measureRecall(out, queries, { topk: 10 })).rejects.toThrow("keeps its vectors only in codes");
    });
  });
});

test("cosine: a vector of zeros, which has none, is named; other metrics take it", async () => {
  await inFolder(async folder => {
    const [data, out] = [join(folder, "e.parquet"), join(folder, "i.faiss")];
    for (const [type, ids] of [
      ["int64", [7, 8]],
      ["string", ["a", "b"]],
    ] as const) {
      await writeParquet(data, schemaOf({ id: type, e: "list<float32>" }), {
        ...{
          id: [...ids],
          e: [
            [1, 0],
            [0, -0],
          ],
        },
      });
      const more = { textIds: type === "string" };
      await expect(build(data, out, "Flat", { metric: "cosine", ...more })).rejects.toThrow(
        `the vector of id ${JSON.stringify(ids[1])} has length 0, which has no cosine. Leave that item out.`,
      );
      for (const metric of ["ip", "l2"])
        expect(await build(data, out, "Flat", { metric, ...more })).toMatchObject({ count: 2 });
    }
  });
});

/** `buildIndex`: FAISS itself reads the file and finds what an exact search finds, under ids beyond 2^53. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bytesSource } from "#formats/bytes/byte-source.js";
import { readFaissLayout } from "#formats/faiss/faiss-layout.js";
import { buildIndex, type IndexBuildOptions } from "#runtime/etl/index-build.js";
import { openIndex } from "#runtime/stores/vectors/open-index.js";
import { random } from "../../walls/support/random.js";
import { inFolder } from "./run-workflow.js";
import { type Cells, writeParquet } from "./table-values.js";
import { schemaOf } from "./workflow-plan.js";

interface FaissIndex {
  search(query: number[], k: number): { labels: number[]; distances: number[] };
}
const { Index } = createRequire(import.meta.url)("faiss-node") as { Index: { read(file: string): FaissIndex } };

const COUNT = 600;
const vector = (i: number): number[] =>
  Array.from({ length: 4 }, (_, k) => Math.fround(Math.sin(i * 7.3 + k * 1.7) * (1 + (i % 5))));
const exact = (query: number[], score: (a: number[], b: number[]) => number, k: number): number[] =>
  Array.from({ length: COUNT }, (_, i) => i)
    .sort((a, b) => score(query, vector(b)) - score(query, vector(a)))
    .slice(0, k);
const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const nearness = (a: number[], b: number[]) => -a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0);

const vectors = (id: (i: number) => number | string): Cells => ({
  id: Array.from({ length: COUNT }, (_, i) => id(i)),
  e: Array.from({ length: COUNT }, (_, i) => vector(i)),
});
const TYPES = { id: "int64", e: "list<float32>" };

const CASES = ["Flat", "IVF8,Flat"].flatMap(factory =>
  (["ip", "l2"] as const).map(metric => [factory, metric] as const),
);

test.each(CASES)("%s, %s: finds what an exact search finds", async (factory, metric) => {
  await inFolder(async folder => {
    const [data, out] = [join(folder, "e.parquet"), join(folder, "i.faiss")];
    await writeParquet(
      data,
      schemaOf(TYPES),
      vectors(i => 1000 + i),
    );
    const seen: number[] = [];
    const built = await buildIndex(data, out, {
      id: "id",
      embedding: "e",
      factory,
      metric,
      ...(factory !== "Flat" && { nprobe: 8 }),
      onProgress: p => seen.push(p.rows),
    });
    expect(built).toEqual({ count: COUNT, dimension: 4 });
    expect(seen.at(-1)).toBe(COUNT);
    const index = Index.read(out);
    for (const i of [0, 17, 599]) {
      const expected = exact(vector(i), metric === "ip" ? dot : nearness, 10).map(at => at + 1000);
      expect(index.search(vector(i), 10).labels).toEqual(expected);
    }
    expect(readdirSync(folder).sort()).toEqual(["e.parquet", "i.faiss"]);
  });
});

/** Candidates that an insertion keeps, of the graph in a file. */
function constructionOf(file: string): number {
  const bytes = readFileSync(file);
  return bytes.readInt32LE(readFaissLayout(bytesSource(bytes), "the index").efSearchAt! - 4);
}

test("a graph is built with the candidates that an insertion is to keep, and says so", async () => {
  await inFolder(async folder => {
    const [data, out] = [join(folder, "e.parquet"), join(folder, "i.faiss")];
    const [count, dimension] = [3000, 16];
    const next = random(7);
    const e = Array.from({ length: count }, () => Array.from({ length: dimension }, () => Math.fround(next() - 0.5)));
    await writeParquet(data, schemaOf(TYPES), { id: e.map((_, i) => i), e });
    const queries = Float32Array.from(e.slice(0, 200).flat(), x => x + 0.1);
    const search = async (options: Partial<IndexBuildOptions>) => {
      await buildIndex(data, out, { id: "id", embedding: "e", metric: "l2", ...options });
      const index = await openIndex(out);
      const { ids } = await index.search(queries, 200, 5);
      await index.close();
      return ids;
    };
    const built = async (efConstruction?: number) => {
      const graph = { factory: "HNSW4,Flat", efSearch: 200, ...(efConstruction && { efConstruction }) };
      return { ids: await search(graph), kept: constructionOf(out) };
    };
    for (const factory of ["HNSW4,SQ8", "HNSW4,PQ4x4"]) {
      await search({ factory, efConstruction: 99 });
      expect([factory, constructionOf(out)]).toEqual([factory, 99]);
    }
    const exact = await search({ factory: "Flat" });
    const recall = (ids: BigInt64Array) =>
      ids.filter((id, i) => exact.subarray(i - (i % 5), i - (i % 5) + 5).includes(id)).length;
    const [few, usual, many] = [await built(4), await built(), await built(300)];
    expect([few.kept, usual.kept, many.kept]).toEqual([4, 40, 300]);
    expect(recall(many.ids)).toBeGreaterThan(recall(few.ids));
  });
}, 120_000);

test("refuses what cannot become an index, and writes nothing", async () => {
  const refuse = async (
    cells: Cells,
    options: Partial<IndexBuildOptions>,
    message: string | RegExp,
    types: Record<string, string> = TYPES,
  ) =>
    inFolder(async folder => {
      const data = join(folder, "e.parquet");
      await writeParquet(data, schemaOf(types), cells);
      await expect(buildIndex(data, join(folder, "i.faiss"), { id: "id", embedding: "e", ...options })).rejects.toThrow(
        message,
      );
      expect(readdirSync(folder)).toEqual(["e.parquet"]);
    });
  const two = {
    id: [1, 2],
    e: [
      [1, 2],
      [3, 4],
    ],
  };
  await refuse(
    two,
    { factory: "IVF32,Flat" },
    "2 embeddings cannot be divided into the 32 lists of `IVF32,Flat`. Use the factory `Flat`, or `IVF1,Flat`.",
  );
  await refuse(two, { factory: "OPQ8" }, "factory `OPQ8` is not made here. Use `Flat`, `SQ8` or `PQ16`");
  await refuse(two, { factory: "PQ3" }, "factory `PQ3` cuts vectors into 3 parts, and they have");
  await refuse(two, { factory: "PQ1x4" }, "2 embeddings are too few to learn the 16 codes of `PQ1x4`.");
  await refuse(two, { efSearch: 4 }, "efSearch is given, but `Flat` has no graph.");
  await refuse(two, { efConstruction: 4 }, "efConstruction is given, but `Flat` has no graph.");
  for (const value of [0, 1.5, 2e6])
    await refuse(
      two,
      { factory: "HNSW4", efConstruction: value },
      `efConstruction is ${value}; give a whole number from 1 to 1000000.`,
    );
  await refuse(two, { nprobe: 4 }, "nprobe is given, but `Flat` has no lists.");
  await refuse(two, { factory: "IVF2,Flat", nprobe: 3 }, "nprobe is 3, but `IVF2,Flat` has 2 lists.");
  await refuse(two, { id: "idd" }, /has no column `idd`; it has `id`, `e`\. Did you mean `id`\?/);
  await refuse(
    { id: [1, 1], e: two.e },
    {},
    "column `id` has the id 1 in 2 rows (0 and 1, from 0). Each id must be unique.",
  );
  await refuse({ id: [1, null], e: two.e }, {}, "column `id` is null in 1 of 2 rows. Each vector needs an id");
  await refuse({ id: [1, 2], e: [[1, 2], [3]] }, {}, "column `e` has lists of 1 to 2 values (1 at id 2).");
  await refuse({ id: [1, 2], e: [[1, 2], null] }, {}, "column `e` has lists of 0 to 2 values (0 at id 2).");
  await refuse(
    {
      id: [1, 2],
      e: [
        [1, 2],
        [3, null],
      ],
    },
    {},
    "column `e` has nulls, NaN or infinity in 1 rows, such as that of id 2.",
  );
  await refuse(
    {
      id: [1, 2],
      e: [
        [1, 2],
        [3, "inf"],
      ],
    },
    {},
    "column `e` has nulls, NaN or infinity in 1 rows, such as that of id 2.",
  );
  await refuse({ id: ["a"], e: [[1]] }, {}, /column `id` is VARCHAR/, { id: "string", e: "list<float32>" });
  await refuse({ id: [], e: [] }, {}, /no rows/);
});

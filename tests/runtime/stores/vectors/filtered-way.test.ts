// The way of a filtered search depends on the index and on the number of vectors alone.
import { expect, test } from "vitest";
import type { FaissHeader } from "#formats/faiss/faiss.js";
import { filteredWay, orExact } from "#runtime/stores/vectors/filtered-search.js";
import type { Find } from "#runtime/stores/vectors/search.js";

const header = (kind: FaissHeader["kind"], ntotal: number, rest: Partial<FaissHeader> = {}): FaissHeader => ({
  ...{ kind, ntotal, dimension: 64, metric: "l2", longestQuery: 1, ids: "positions" },
  ...rest,
});
const flat = header("flat", 100_000);
const lists = header("ivf-flat", 100_000, { nlist: 256, nprobe: 16 });
const graph = header("hnsw-flat", 100_000, { efSearch: 64 });
const mapped = header("id-map", 100_000, { inner: graph });

test.each([
  [flat, {}, 50_000, "exact", 0],
  [lists, {}, 50_000, "lists", 0],
  [lists, {}, 10_000, "lists", 0],
  [lists, {}, 1000, "exact", 0],
  [lists, { nprobe: 256 }, 50_000, "exact", 0],
  [graph, {}, 50_000, "graph", 104],
  [mapped, {}, 50_000, "graph", 104],
  [graph, { efSearch: 100 }, 50_000, "exact", 0],
  [graph, { efSearch: 100 }, 80_000, "graph", 125],
  [graph, {}, 100_000, "graph", 64],
  [graph, {}, 1000, "exact", 0],
  [graph, {}, 0, "exact", 0],
] as const)("%o, %o: %i of 100,000", (index, parameters, set, way, effort) => {
  expect(filteredWay(index, parameters, set, 10)).toEqual({ way, effort });
});

test("a position that is skipped costs less than a comparison", () => {
  // Exact: 23 ns for each of the set, 0.1 ns for each position. Graph: 3.5 times 2,800 ns for each node that its search keeps.
  const large = header("hnsw-flat", 1_000_000, { efSearch: 1 });
  expect(filteredWay(large, {}, 18_000, 1)).toEqual({ way: "exact", effort: 0 });
  expect(filteredWay(large, {}, 20_000, 1)).toEqual({ way: "graph", effort: 50 });
});

test("a graph that keeps many nodes is walked where a fifth of the vectors may be found", () => {
  // 256 for a search of all, and twice the fifty nodes up to the tenth survivor. A tenth of all is compared in half the time of such a walk.
  const large = header("hnsw-flat", 1_000_000, { efSearch: 256 });
  expect(filteredWay(large, {}, 200_000, 10)).toEqual({ way: "graph", effort: 356 });
  expect(filteredWay(large, {}, 100_000, 10)).toEqual({ way: "exact", effort: 0 });
});

test("rows that are short are searched exactly, the others are not", async () => {
  const hits = (...ids: bigint[]) => ({ ids: BigInt64Array.from(ids), distances: new Float32Array(ids.length) });
  const asked: number[][] = [];
  const exact: Find = (queries, count, k) => {
    asked.push([...queries, count, k]);
    return Array.from({ length: count }, () => hits(7n, 8n));
  };
  for (const first of [
    (): ReturnType<Find> => [hits(1n, 2n), hits(3n), hits(4n, 5n), hits()],
    async () => [hits(1n, 2n), hits(3n), hits(4n, 5n), hits()],
  ]) {
    const found = await orExact(first, exact, 2, 1)(Float32Array.of(10, 20, 30, 40), 4, 5);
    expect(found.map(({ ids }) => [...ids])).toEqual([
      [1n, 2n],
      [7n, 8n],
      [4n, 5n],
      [7n, 8n],
    ]);
  }
  expect(asked).toEqual([
    [20, 40, 2, 5],
    [20, 40, 2, 5],
  ]);
});

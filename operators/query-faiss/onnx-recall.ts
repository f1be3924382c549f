/** Inverted lists → number of the ten nearest that a search of some lists finds, for vectors of the index itself. */
import type { FaissLists } from "../../formats/faiss/faiss.js";

const [QUERIES, NEAREST] = [32, 10];

/** @returns 0 … 1 */
export function probeRecall(
  { metric, centroids, lists }: FaissLists,
  searchMetric: "ip" | "l2",
  nprobe: number,
): number {
  const dimension = centroids.length / lists.length;
  const all = lists.flatMap(({ ids, vectors }, list) =>
    Array.from(ids, (_, i) => ({ list, vectors, at: i * dimension })),
  );
  const stride = Math.max(1, Math.floor(all.length / QUERIES));
  let [found, wanted] = [0, 0];
  for (let q = 0; q < all.length; q += stride) {
    const query = all[q]!.vectors.subarray(all[q]!.at, all[q]!.at + dimension);
    const scored = all.map(({ list, vectors, at }) => ({ list, near: nearness(searchMetric, query, vectors, at) }));
    const best = scored.sort((a, b) => b.near - a.near).slice(0, NEAREST);
    const probed = new Set(
      lists
        .map((_, list) => ({ list, near: nearness(metric, query, centroids, list * dimension) }))
        .sort((a, b) => b.near - a.near)
        .slice(0, nprobe)
        .map(({ list }) => list),
    );
    wanted += best.length;
    found += best.filter(({ list }) => probed.has(list)).length;
  }
  return wanted === 0 ? 1 : found / wanted;
}

function nearness(metric: "ip" | "l2", query: Float32Array, vectors: Float32Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < query.length; i++)
    sum += metric === "ip" ? query[i]! * vectors[at + i]! : -((query[i]! - vectors[at + i]!) ** 2);
  return sum;
}

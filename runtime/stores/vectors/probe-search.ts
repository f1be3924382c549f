/** Opens an index and searches it as requests would: what the process of probe-index.ts does. */
import { openIndex } from "./open-index.js";
import type { ProbeRequest } from "./probe-index.js";

/** One query, and as many as FAISS compares by a matrix product. */
const COUNTS = [1, 25];
const MOST_HITS = 10;

/** @returns how many hits each batch of queries had @throws Error naming the file */
export async function probeSearch({ path, parameters, by }: Omit<ProbeRequest, "memory">): Promise<readonly number[]> {
  const { header, search, close } = await openIndex(path, parameters, by);
  const { dimension, ntotal, longestQuery } = header;
  const scale = Math.min(1, longestQuery / Math.sqrt(dimension));
  const hits: number[] = [];
  for (const count of ntotal > 0 ? COUNTS : []) {
    const queries = Float32Array.from({ length: count * dimension }, (_, i) => scale * Math.sin(i));
    const { ids } = await search(queries, count, Math.min(MOST_HITS, ntotal));
    hits.push(ids.length);
  }
  await close();
  return hits;
}

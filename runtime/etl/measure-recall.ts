/**
 * An index and queries → recall and time of a search, over the parameters that trade one for the other.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import {
  type FaissHeader,
  readFaissHeader,
  readFaissVectors,
  type SearchParameters,
  searchedBy,
} from "../../formats/faiss/faiss.js";
import { readTextIds, textIdsFile } from "../../formats/faiss/text-ids.js";
import { invalid } from "../base/errors.js";
import { type OpenIndex, openIndex } from "../stores/vectors/open-index.js";

export interface RecallOptions {
  readonly topk: number;
  /** A flat index of the same ids, to compare with; by default the vectors in the index itself, where it keeps them. */
  readonly exact?: string;
  /** Parameters to try; by default powers of two around what the file says. */
  readonly tries?: readonly SearchParameters[];
}

export interface RecallPoint {
  readonly parameters: SearchParameters;
  /** Share of the exact answer's ids that were found, over all queries. */
  readonly recall: number;
  /** Milliseconds for one query alone: median and 99th percentile. */
  readonly p50: number;
  readonly p99: number;
}

/** Queries that are timed; recall takes all. */
const TIMED = 200;

/** @param queries vectors of the index's dimension, one after the other @throws RuntimeFault naming the file and what to give */
export async function measureRecall(
  path: string,
  queries: Float32Array,
  options: RecallOptions,
): Promise<RecallPoint[]> {
  const header = readFaissHeader(await readFile(path), path);
  const count = queries.length / header.dimension;
  const topk = Math.min(options.topk, header.ntotal);
  const wanted = exactAnswer(await exactVectors(path, header, options.exact), header, queries, topk);
  const points: RecallPoint[] = [];
  for (const parameters of options.tries ?? usualTries(header)) {
    const index = await openIndex(path, parameters);
    try {
      const found = await index.search(queries.slice() as Float32Array<ArrayBuffer>, count, topk);
      let hits = 0;
      for (let row = 0; row < count; row++)
        for (let i = found.offsets[row]!; i < found.offsets[row + 1]!; i++) if (wanted[row]!.has(found.ids[i]!)) hits++;
      points.push({ parameters, recall: hits / (count * topk), ...(await timed(index, queries, topk)) });
    } finally {
      await index.close();
    }
  }
  return points;
}

/** One try where there is nothing to turn. */
export function usualTries(header: FaissHeader): SearchParameters[] {
  const searched = searchedBy(header);
  if (searched.nlist !== undefined) return upTo(1, searched.nlist).map(nprobe => ({ nprobe }));
  if (searched.efSearch !== undefined)
    return upTo(8, Math.min(512, Math.max(8, header.ntotal))).map(efSearch => ({ efSearch }));
  return [{}];
}

function upTo(first: number, last: number): number[] {
  const values: number[] = [];
  for (let value = first; value < last; value *= 2) values.push(value);
  return [...values, last];
}

async function exactVectors(path: string, { dimension, ntotal }: FaissHeader, exact: string | undefined) {
  const bytes = await readFile(exact ?? path);
  const found = readFaissVectors(bytes);
  const file = exact ?? path;
  if (!found)
    throw invalid(
      `${file} keeps its vectors only in codes or transformed, so the exact answer is not known from it. Give \`--exact\` a Flat index of the same vectors.`,
    );
  const of = readFaissHeader(bytes, file);
  if (of.dimension !== dimension || of.ntotal !== ntotal)
    throw invalid(
      `${file} holds ${of.ntotal} vectors of ${of.dimension} dimensions, and ${path} ${ntotal} of ${dimension}. Build both from the same data.`,
    );
  if (exact !== undefined) checkSameTexts(path, exact, ntotal);
  return found;
}

/** Text ids are compared by position. @throws RuntimeFault where two indexes of as many vectors have other texts, or only one has texts */
function checkSameTexts(path: string, exact: string, ntotal: number): void {
  const [own, other] = [path, exact].map(index => {
    const map = textIdsFile(index);
    return existsSync(map) ? readTextIds(map, { index, ntotal }) : undefined;
  });
  if (!own && !other) return;
  for (let i = 0; i < ntotal; i++)
    if (own?.at(i) !== other?.at(i))
      throw invalid(
        `${exact} and ${path} have different ids for vector ${i}. Build both from the same data, with \`--text-id\`.`,
      );
}

/** Ids of the best `topk` of each query, by looking at all. */
function exactAnswer(
  { vectors, ids }: { readonly vectors: Float32Array; readonly ids: BigInt64Array },
  { dimension, metric }: FaissHeader,
  queries: Float32Array,
  topk: number,
): Set<bigint>[] {
  const scores = new Float64Array(ids.length);
  return Array.from({ length: queries.length / dimension }, (_, row) => {
    for (let i = 0; i < ids.length; i++) {
      let score = 0;
      for (let j = 0; j < dimension; j++) {
        const [q, x] = [queries[row * dimension + j]!, vectors[i * dimension + j]!];
        score += metric === "ip" ? q * x : -((q - x) ** 2);
      }
      scores[i] = score;
    }
    // The best k by the k-th best score; ties beyond k all count as exact.
    const least = scores.slice().sort()[ids.length - topk]!;
    const best = new Set<bigint>();
    for (let i = 0; i < ids.length; i++) if (scores[i]! >= least) best.add(ids[i]!);
    return best;
  });
}

async function timed(index: OpenIndex, queries: Float32Array, topk: number): Promise<{ p50: number; p99: number }> {
  const { dimension } = index.header;
  const count = Math.min(TIMED, queries.length / dimension);
  const times: number[] = [];
  for (let row = 0; row < count; row++) {
    const query = queries.slice(row * dimension, (row + 1) * dimension) as Float32Array<ArrayBuffer>;
    const began = performance.now();
    await index.search(query, 1, topk);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return { p50: times[Math.floor(count / 2)]!, p99: times[Math.floor(count * 0.99)]! };
}

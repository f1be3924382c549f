/**
 * A flat FAISS file, searched by an ONNX graph instead of FAISS: the same answers, several times faster
 * (tests/bench/exact.bench.mjs), most of all for batches. For where our own binding is not compiled: the graph computes on the thread that calls it.
 */
import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-node";
import { type FaissHeader, readFaissVectors, withinIds } from "../../../formats/faiss/faiss.js";
import { words } from "../../base/columns/words.js";
import { invalid } from "../../base/errors.js";
import { silenceOnnx } from "../../base/onnx-telemetry.js";
import { exactGraph } from "./exact-graph.js";
import { type Hits, type SearchIndex, search } from "./search.js";

export interface ExactIndex {
  readonly search: SearchIndex;
  close(): Promise<void>;
}

/** A graph is one protobuf message, which ends at 2 GB. */
const MAX_BYTES = 1_900_000_000;
/** L2 scores lose digits by cancellation; this number of extra candidates is compared again without it. */
const SPARE = 16;

/** Whether a file is searched so. */
export const isExact = (header: FaissHeader): boolean =>
  withinIds(header).kind === "flat" && header.ntotal > 0 && header.ntotal * header.dimension * 4 <= MAX_BYTES;

/** @param path a file whose header `isExact` takes @throws RuntimeFault naming file and id */
export const loadExactIndex = async (path: string, { dimension, metric }: FaissHeader): Promise<ExactIndex> =>
  exactIndex({ ...readFaissVectors(await readFile(path))!, dimension, metric, path });

export interface ExactVectors {
  readonly vectors: Float32Array;
  readonly ids: BigInt64Array;
  readonly dimension: number;
  readonly metric: FaissHeader["metric"];
  /** Their source, for messages. */
  readonly path: string;
}

/** @throws RuntimeFault naming file and id */
export async function exactIndex({ vectors, ids, dimension, metric, path }: ExactVectors): Promise<ExactIndex> {
  const odd = firstOdd(vectors);
  if (odd >= 0)
    throw invalid(
      `${path}: the vector of id ${ids[Math.floor(odd / dimension)]} holds ${vectors[odd]}, and nothing is near it. Build the index without it.`,
    );
  const squares = metric === "l2" ? lengthsSquared(vectors, dimension) : undefined;
  silenceOnnx();
  const session = await ort.InferenceSession.create(exactGraph(vectors, dimension, squares), {
    executionProviders: ["cpu"],
    executionMode: "sequential",
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const again = squares && { vectors, dimension };
  const find = (queries: Float32Array, count: number, k: number) => findRows(session, ids, queries, count, k, again);
  // The graph holds a score of each query and vector.
  const size = { dimension, ntotal: ids.length, perQuery: ids.length * 4, perHit: 2 };
  return {
    search: (queries, count, k, excluded, signal) => search(find, size, queries, count, k, excluded, signal),
    close: () => session.release(),
  };
}

/** Place of the first number that is not finite, or −1; a callback for each of millions would hold up a load. */
function firstOdd(vectors: Float32Array): number {
  for (let i = 0; i < vectors.length; i++) if (!Number.isFinite(vectors[i]!)) return i;
  return -1;
}

function lengthsSquared(vectors: Float32Array, dimension: number): Float32Array {
  const squares = new Float32Array(vectors.length / dimension);
  for (let i = 0; i < squares.length; i++) {
    let sum = 0;
    for (let j = i * dimension; j < (i + 1) * dimension; j++) sum += vectors[j]! ** 2;
    squares[i] = sum;
  }
  return squares;
}

async function findRows(
  session: ort.InferenceSession,
  ids: BigInt64Array,
  queries: Float32Array,
  count: number,
  k: number,
  again: { readonly vectors: Float32Array; readonly dimension: number } | undefined,
): Promise<Hits[]> {
  const wide = again ? Math.min(ids.length, k + SPARE) : k;
  const { score, place } = await session.run({
    query: new ort.Tensor("float32", queries, [count, queries.length / count]),
    k: new ort.Tensor("int64", BigInt64Array.of(BigInt(wide)), [1]),
  });
  const scores = score!.data as Float32Array;
  // Places are beyond no int32: the low words are the numbers.
  const places = place!.data as BigInt64Array;
  const low = new Int32Array(places.buffer, places.byteOffset, places.length * 2);
  const pairs = words(ids);
  /** Ids at the places `at(0) … at(k - 1)` of the answer, moved as two words each. */
  const idsAt = (at: (i: number) => number): BigInt64Array => {
    const made = new BigInt64Array(k);
    const to = words(made);
    for (let i = 0; i < k; i++) {
      const from = low[2 * at(i)]!;
      to[2 * i] = pairs[2 * from]!;
      to[2 * i + 1] = pairs[2 * from + 1]!;
    }
    return made;
  };
  return Array.from({ length: count }, (_, row) => {
    const start = row * wide;
    if (!again)
      return {
        ids: idsAt(i => start + i),
        distances: scores.slice(start, start + k),
      };
    const { vectors, dimension } = again;
    const exact = Float32Array.from({ length: wide }, (_, i) =>
      distance(queries, row * dimension, vectors, low[2 * (start + i)]! * dimension, dimension),
    );
    const order = Array.from(exact.keys())
      .sort((a, b) => exact[a]! - exact[b]! || a - b)
      .slice(0, k);
    return {
      ids: idsAt(i => start + order[i]!),
      distances: Float32Array.from(order, i => exact[i]!),
    };
  });
}

function distance(a: Float32Array, from: number, b: Float32Array, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += (a[from + i]! - b[at + i]!) ** 2;
  return sum;
}

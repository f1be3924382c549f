/**
 * Query vectors → the nearest items as candidates. A flat index is one product with all vectors and a `TopK`. An index of lists is the same
 * over the lists of the nearest centroids, as FAISS visits them, or over all.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  and,
  cast,
  concat,
  div,
  expand,
  flat,
  gather,
  gatherElements,
  greater,
  guarded,
  int64,
  isInf,
  mul,
  notANumber,
  or,
  reduce,
  reshape,
  scalar,
  topK,
  unary,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { LIVE_FOLDER } from "../../contract/files/live-folder.js";
import type { Step } from "../../contract/plan.js";
import { hasChanges } from "../../formats/delta/record-kinds.js";
import {
  type FaissHeader,
  type FaissLists,
  readFaissHeader,
  readFaissLists,
  readFaissVectors,
  withinIds,
} from "../../formats/faiss/faiss.js";
import { inList } from "../filter-candidates/onnx.js";
import { exactSearch, type Hits, minusSquares, squaredDistances } from "../shared/onnx/exact-search.js";
import { amongTaken, childRows, type LoweredColumn, type RowSet } from "../shared/onnx/lowered-column.js";
import { KEEP, type LowerContext, type Lowering } from "../shared/onnx/lowering.js";

export const queryFaiss: Lowering<"queryFaiss"> = (step, { input, exclude = [] }, context) => {
  const { g } = context;
  if (step.params.where)
    context.fail(
      `its condition reads \`${step.params.where.table}\`, which may change while it is served, and a graph holds constants`,
      `Filter the candidates instead (\`filter\`), or ${KEEP}.`,
    );
  if (step.artefacts.ids !== undefined)
    context.fail(
      `the index \`${step.params.path}\` answers text ids, and the vectors of a graph have integer ones`,
      `Build the index with integer ids (\`merlon index build --id …\`), or ${KEEP}.`,
    );
  if (hasChanges(context.file(join(LIVE_FOLDER, `${basename(step.artefacts.index)}.delta`))))
    context.fail(
      `the index \`${step.params.path}\` has changes in \`${basename(step.params.path)}.delta\`, and a graph holds constants`,
      `Run \`merlon index compact\` first, or ${KEEP}.`,
    );
  const bytes = readFileSync(context.file(step.artefacts.index));
  const header = readFaissHeader(bytes, step.params.path);
  const query = input[0];
  const { queries, some } = checkedQueries(g, step, query);
  const hits = search(context, step, header, bytes, queries, exclude[0]);
  const mask = some ? amongRows(g, some, query.rows, hits) : hits.found;
  const rows = childRows(g, step.id, query.rows, hits.width, { mask, packed: true });
  const ids: LoweredColumn = { dtype: "int64", rows, values: flat(g, hits.ids) };
  if (!step.params.includeDistances) return [ids];
  return [ids, { dtype: "float32", rows, values: flat(g, hits.distances()) }];
};

/** The places of rows that have a direction. @param some bool[n, 1] */
const amongRows = (g: GraphBuilder, some: Value, { count }: RowSet, { found, width }: Hits): Value =>
  found ? and(g, found, some) : expand(g, some, concat(g, [count, width]));

/** `some`: bool[n, 1], of queries that are brought to length 1: those of length 0 have no cosine, and find nothing. */
function checkedQueries(
  g: GraphBuilder,
  step: Step<"queryFaiss">,
  query: LoweredColumn,
): { readonly queries: Value; readonly some?: Value } {
  const { name } = step.inputs.input[0];
  const odd = or(g, notANumber(g, query.values), isInf(g, query.values));
  const reason = `step ${step.label} (queryFaiss): no query can be made of a vector of ${name} that holds NaN or an infinity`;
  const queries = guarded(g, query.values, amongTaken(g, odd, query.rows, true), reason);
  if (!step.params.normalize) return { queries };
  const exact = cast(g, queries, "float64");
  const sum = reduce(g, "ReduceSum", mul(g, exact, exact), 1, true);
  const some = greater(g, sum, scalar(g, "float64", 0));
  const length = unary(g, "Sqrt", where(g, some, sum, scalar(g, "float64", 1)));
  const unit = mul(g, exact, div(g, scalar(g, "float64", 1), length));
  return { queries: cast(g, where(g, some, unit, scalar(g, "float64", 0)), "float32"), some };
}

function search(
  context: LowerContext,
  step: Step<"queryFaiss">,
  header: FaissHeader,
  bytes: Uint8Array,
  queries: Value,
  exclude: LoweredColumn | undefined,
): Hits {
  const { kind, nlist } = withinIds(header);
  const { label } = step;
  const { topk } = step.params;
  if (kind === "ivf-flat" && context.ivf === "probe") return probe(context, step, header, bytes, queries, exclude);
  const read = kind.endsWith("flat") ? readFaissVectors(bytes) : undefined;
  if (!read)
    return context.fail(
      `the index \`${step.params.path}\` keeps its vectors ${kind === "pre-transform" ? "transformed" : "as codes"} (${kind}), and a graph compares vectors as they are`,
      `Build a Flat or IVF-Flat index of the same vectors (\`merlon index build\`), or ${KEEP}.`,
    );
  if (kind !== "flat") {
    context.searchesAll(nlist === undefined ? { efSearch: header.ntotal } : { nprobe: nlist });
    context.note(
      `step \`${label}\` searches all ${header.ntotal} vectors of \`${step.params.path}\` (${kind}): recall 1, so that it may find better items than FAISS does.`,
    );
  }
  return exactSearch(context, read, header, queries, Math.min(topk, header.ntotal), exclude);
}

/** The lists of the nearest centroids, side by side: all are padded to the longest, and padding has the worst score. */
function probe(
  context: LowerContext,
  step: Step<"queryFaiss">,
  header: FaissHeader,
  bytes: Uint8Array,
  queries: Value,
  exclude: LoweredColumn | undefined,
): Hits {
  const { g } = context;
  const { dimension, metric } = header;
  const read =
    readFaissLists(bytes) ??
    context.fail(
      `the centroids of \`${step.params.path}\` are not kept as they are`,
      `Build with \`--ivf exact\`, which searches all vectors, or ${KEEP}.`,
    );
  const { nlist = 1, nprobe: own = 1 } = withinIds(header);
  const nprobe = Math.min(nlist, step.params.nprobe ?? own);
  const longest = Math.max(1, ...read.lists.map(list => list.ids.length));
  const recall = probeRecall(read, metric, nprobe);
  context.note(
    `step \`${step.label}\` visits ${nprobe} of the ${nlist} lists of \`${step.params.path}\`, as FAISS does: recall@10 ${recall.toFixed(3)}, measured with its own vectors; \`--ivf exact\` searches all.`,
  );
  const twins = equalVectors(read);
  if (twins)
    context.note(
      `step \`${step.label}\`: items ${twins[0]} and ${twins[1]} of \`${step.params.path}\` have the same vector. A graph and FAISS may order such items differently.`,
    );
  const vectors = new Float32Array(nlist * longest * dimension);
  const ids = new BigInt64Array(nlist * longest);
  const taken = new Uint8Array(nlist * longest);
  read.lists.forEach((list, i) => {
    vectors.set(list.vectors, i * longest * dimension);
    ids.set(list.ids, i * longest);
    taken.fill(1, i * longest, i * longest + list.ids.length);
  });
  const centroids = g.constant("float32", [nlist, dimension], read.centroids);
  const bias = read.metric === "l2" ? [g.constant("float32", [nlist], minusSquares(read.centroids, dimension))] : [];
  const near = g.op("Gemm", [queries, centroids, ...bias], "float32", {
    attributes: { transB: { int: 1 }, alpha: { float: read.metric === "l2" ? 2 : 1 } },
  });
  const lists = topK(g, near, int64(g, nprobe)).at;
  const side = (table: Value, ...rest: number[]) =>
    reshape(g, gather(g, table, lists), int64(g, 0, nprobe * longest, ...rest));
  const candidates = side(g.constant("float32", [nlist, longest, dimension], vectors), dimension);
  const candidateIds = side(g.constant("int64", [nlist, longest], ids));
  const there = side(g.constant("bool", [nlist, longest], taken));
  const scores =
    metric === "ip"
      ? reshape(g, g.op("MatMul", [candidates, unsqueeze(g, queries, 2)], "float32"), int64(g, 0, nprobe * longest))
      : unary(g, "Neg", squaredDistances(g, queries, candidates));
  const nothing = scalar(g, "float32", Number.NEGATIVE_INFINITY);
  const kept = exclude ? where(g, inList(g, candidateIds, exclude), nothing, scores) : scores;
  const k = Math.min(step.params.topk, header.ntotal, nprobe * longest);
  const best = topK(g, where(g, there, kept, nothing), int64(g, k));
  return {
    ids: gatherElements(g, candidateIds, best.at),
    width: int64(g, k),
    found: greater(g, best.values, nothing),
    distances: () => (metric === "ip" ? best.values : unary(g, "Neg", best.values)),
  };
}

const [QUERIES, NEAREST] = [32, 10];

/**
 * Inverted lists → number of the ten nearest that a search of some lists finds, for vectors of the index itself.
 * @returns 0 … 1
 */
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

/**
 * Vectors of inverted lists → two items whose vectors are the same bits, so that no score tells them apart.
 * @returns the ids of the first two; undefined where all differ
 */
export function equalVectors({ lists, centroids }: FaissLists): readonly [bigint, bigint] | undefined {
  const dimension = centroids.length / lists.length;
  const seen = new Map<number, { readonly id: bigint; readonly words: Uint32Array }>();
  for (const { ids, vectors } of lists)
    for (let i = 0; i < ids.length; i++) {
      const own = vectors.subarray(i * dimension, (i + 1) * dimension);
      const words = new Uint32Array(own.buffer, own.byteOffset, dimension);
      const hash = hashOf(words);
      const other = seen.get(hash);
      if (!other) seen.set(hash, { id: ids[i]!, words });
      else if (other.words.every((word, at) => word === words[at])) return [other.id, ids[i]!];
    }
  return undefined;
}

/** FNV-1a, a word at a time. */
function hashOf(words: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return hash;
}

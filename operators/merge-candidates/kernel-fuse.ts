/**
 * The ranks and scores of a user's candidates → one score each. Reciprocal rank fusion is that of Cormack, Clarke and Büttcher (2009), with
 * weights. A score that is not finite counts as none; a candidate without any gets NaN.
 */
import type { OpParams } from "../../contract/op-params.js";
import type { Collected } from "./kernel-collect.js";

/** Sums are float64 and the result float32, so that graphs, which may add in another order, give the same order. */
export function fuser({
  method,
  k,
  normalize,
  sources,
}: OpParams["mergeCandidates"]): (found: Collected) => Float32Array {
  const weightOf = (s: number): number => sources[s]?.weight ?? 1;
  if (method === "rrf") return found => reciprocalRanks(found, k, weightOf);
  const isMax = method === "max";
  return found => {
    const { count, sources: width, scores } = found;
    const scales = Array.from({ length: width }, (_, s) => scaleOf(found, s, normalize));
    const fused = new Float32Array(count);
    for (let c = 0; c < count; c++) {
      let sum = Number.NaN;
      for (let s = 0; s < width; s++) {
        const score = scores[c * width + s]!;
        if (!Number.isFinite(score)) continue;
        const { offset, divisor } = scales[s]!;
        const scaled = divisor === 0 ? 0 : (score - offset) / divisor;
        if (isMax) sum = Number.isNaN(sum) || scaled > sum ? scaled : sum;
        else sum = (Number.isNaN(sum) ? 0 : sum) + weightOf(s) * scaled;
      }
      fused[c] = sum;
    }
    return fused;
  };
}

function reciprocalRanks(
  { count, sources, ranks }: Collected,
  k: number,
  weightOf: (s: number) => number,
): Float32Array {
  const fused = new Float32Array(count);
  for (let c = 0; c < count; c++) {
    let sum = 0;
    for (let s = 0; s < sources; s++) {
      const rank = ranks[c * sources + s]!;
      if (rank > 0) sum += weightOf(s) / (k + rank);
    }
    fused[c] = sum;
  }
  return fused;
}

/** A scaled score is (score − offset) / divisor; 0 if the divisor is. */
interface Scale {
  readonly offset: number;
  readonly divisor: number;
}

function scaleOf(
  { count, sources, scores }: Collected,
  s: number,
  normalize: OpParams["mergeCandidates"]["normalize"],
): Scale {
  if (normalize === "none") return { offset: 0, divisor: 1 };
  let [n, sum, low, high] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let c = 0; c < count; c++) {
    const score = scores[c * sources + s]!;
    if (!Number.isFinite(score)) continue;
    n++;
    sum += score;
    if (score < low) low = score;
    if (score > high) high = score;
  }
  if (n === 0) return { offset: 0, divisor: 0 };
  if (normalize === "minMax") return { offset: low, divisor: high - low };
  const mean = sum / n;
  let squares = 0;
  for (let c = 0; c < count; c++) {
    const score = scores[c * sources + s]!;
    if (Number.isFinite(score)) squares += (score - mean) ** 2;
  }
  // Equal scores have no spread, whatever their mean is rounded to.
  return { offset: mean, divisor: low === high ? 0 : Math.sqrt(squares / n) };
}

/**
 * A user's candidates and their scores → those that are answered, in order: best first, equal ones by first appearance, NaN last. A
 * candidate is its owner's, the source of its best rank. The first `floor` of a source are kept a place; the others take what is left, at
 * most `quota` of a source.
 * @returns places among the user's candidates
 */
export function selector(
  { topk = Number.POSITIVE_INFINITY, sources }: OpParams["mergeCandidates"],
  width: number,
): (found: Collected, fused: Float32Array | undefined) => Int32Array {
  const quotas = Array.from({ length: width }, (_, s) => sources[s]?.quota ?? Number.POSITIVE_INFINITY);
  const floors = Array.from({ length: width }, (_, s) => sources[s]?.floor ?? 0);
  const isBound = quotas.some(Number.isFinite) || floors.some(floor => floor > 0);
  return (found, fused) => {
    const order = orderOf(found.count, fused);
    if (!isBound) return order.subarray(0, topk);
    return bounded(found, order, topk, quotas, floors);
  };
}

function orderOf(count: number, fused: Float32Array | undefined): Int32Array {
  const order = Int32Array.from({ length: count }, (_, c) => c);
  if (!fused) return order;
  return order.sort((a, b) => {
    const [x, y] = [fused[a]!, fused[b]!];
    if (x > y) return -1;
    if (x < y) return 1;
    if (x === y) return a - b;
    const [isNaNX, isNaNY] = [Number.isNaN(x), Number.isNaN(y)];
    return isNaNX === isNaNY ? a - b : isNaNX ? 1 : -1;
  });
}

function bounded(
  { owners }: Collected,
  order: Int32Array,
  topk: number,
  quotas: readonly number[],
  floors: readonly number[],
): Int32Array {
  const reserved = new Array<number>(floors.length).fill(0);
  let free = topk;
  for (const c of order) {
    const owner = owners[c]!;
    if (reserved[owner]! >= floors[owner]!) continue;
    reserved[owner]!++;
    free--;
  }
  const seen = new Array<number>(floors.length).fill(0);
  let n = 0;
  const chosen = new Int32Array(order.length);
  for (const c of order) {
    const owner = owners[c]!;
    const place = seen[owner]!++;
    if (place >= quotas[owner]!) continue;
    // Its first ones have places of their own.
    if (place < floors[owner]!) chosen[n++] = c;
    else if (free > 0) {
      free--;
      chosen[n++] = c;
    }
  }
  return chosen.subarray(0, n);
}

/**
 * A user's candidates and their scores → those that are answered, in order: best first, equal ones by first appearance, NaN last. A
 * candidate is its owner's, the source of its best rank. The first `floor` of a source are kept a place; the others take what is left, at
 * most `quota` of a source.
 */
import type { OpParams } from "../../contract/op-params.js";
import type { Collected } from "./kernel-collect.js";

/** @returns places among the user's candidates */
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

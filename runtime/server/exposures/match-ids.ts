/** Finds candidates of one user by id in another set of that user's rows. */
import type { Column } from "../../base/columns/table.js";
import { words } from "../../base/columns/words.js";

/** Comparisons up to which no index is built. */
const FEW = 4096;

/** A run of rows of a column of ids. */
export interface IdRun {
  readonly ids: Column;
  readonly from: number;
  readonly to: number;
}

/**
 * @param wanted rows of `of` that are looked for, `count` of them; -1 for none
 * @param found receives for each the first row of the run that has its id, or -1
 */
export function matchIds(of: Column, wanted: Int32Array, count: number, among: IdRun, found: Int32Array): void {
  const { ids, from, to } = among;
  // The same column: a row has its own id.
  if (of.values === ids.values) found.set(wanted.subarray(0, count));
  else if (count * (to - from) <= FEW) scan(of, wanted, count, among, found);
  else {
    const places = new Map<bigint | number | string, number>();
    for (let row = to - 1; row >= from; row--) places.set(keyOf(ids, row), row);
    for (let i = 0; i < count; i++) found[i] = wanted[i]! < 0 ? -1 : (places.get(keyOf(of, wanted[i]!)) ?? -1);
  }
}

function scan(of: Column, wanted: Int32Array, count: number, { ids, from, to }: IdRun, found: Int32Array): void {
  const isSame = comparison(of, ids);
  for (let i = 0; i < count; i++) {
    let row = from;
    while (row < to && (wanted[i]! < 0 || !isSame(wanted[i]!, row))) row++;
    found[i] = row < to ? row : -1;
  }
}

/** Integers of 32 bits and of 64 are compared with each other. */
function keyOf({ values }: Column, row: number): bigint | number | string {
  const value = values[row]!;
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Compares a row of one column with a row of another, without BigInts where both have 64 bits. */
export function comparison(left: Column, right: Column): (a: number, b: number) => boolean {
  if (left.values instanceof BigInt64Array && right.values instanceof BigInt64Array) {
    const [one, other] = [words(left.values), words(right.values)];
    return (a, b) => one[2 * a] === other[2 * b] && one[2 * a + 1] === other[2 * b + 1];
  }
  return (a, b) => keyOf(left, a) === keyOf(right, b);
}

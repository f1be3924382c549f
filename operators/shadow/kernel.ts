/** The left side's columns unchanged, and the comparison with the other's, which the engine runs after the response. */
import type { Column } from "../../runtime/base/columns/table.js";
import type { Compared, Kernel, ListDifference, ShadowCounters } from "../../runtime/engine/schedule/kernel.js";

export const shadow: Kernel<"shadow"> = {
  prepare: ({ params: { rate, inFlight, within, topk, item, score }, outputs }) => {
    const counters: ShadowCounters = {
      runs: {
        compared: 0,
        failed: 0,
        late: 0,
        skipped_in_flight: 0,
        skipped_busy: 0,
        skipped_memory: 0,
        skipped_batch: 0,
      },
      lists: { equal: 0, different: 0 },
      overlap: 0,
      scores: 0,
      scoreDifference: 0,
    };
    const [itemAt, scoreAt] = [item, score].map(wanted => outputs.findIndex(({ name }) => name === wanted));
    const picked = (columns: readonly Column[]): Compared => ({ item: columns[itemAt!], score: columns[scoreAt!] });
    return {
      run: ({ input }) => input,
      shadow: {
        rate,
        inFlight,
        within,
        counters,
        compare: (main, other) => {
          const sides = { main: picked(main), other: picked(other) };
          return { ...sides, differences: compareLists(sides.main, sides.other, topk, counters) };
        },
      },
    };
  },
};

type Totals = Pick<ShadowCounters, "overlap" | "scores" | "scoreDifference"> & {
  readonly lists: ShadowCounters["lists"];
};

/**
 * Two branches' columns → how far their lists agree, added to the counters.
 * A list is the candidates of one row, or one row alone. Lists are equal if their first `topk` items are, in order. Overlap is the share of
 * these that both have, of the longer list. Scores are compared for items of both, and null, NaN and infinite ones are not.
 * @param main columns of the response's branch
 * @param other those of the other branch, for the same rows
 * @returns the lists that differ
 */
function compareLists(main: Compared, other: Compared, topk: number, totals: Totals): readonly ListDifference[] {
  const [left, right] = [boundsOf(main), boundsOf(other)];
  const differences: ListDifference[] = [];
  for (let list = 0; list < left.count; list++) {
    const [own, others] = [left.of(list, topk), right.of(list, topk)];
    const pairs = pairsOf(main, other, own, others);
    if (!pairs.isEqual) differences.push({ list, main: own, other: others });
    totals.lists[pairs.isEqual ? "equal" : "different"]++;
    totals.overlap += pairs.longer === 0 ? 1 : pairs.both.length / pairs.longer;
    if (!main.score || !other.score) continue;
    for (const [i, j] of pairs.both) {
      const difference = Math.abs(numberAt(main.score, i) - numberAt(other.score, j));
      if (!Number.isFinite(difference)) continue;
      totals.scores++;
      totals.scoreDifference += difference;
    }
  }
  return differences;
}

interface Bounds {
  /** Number of lists. */
  readonly count: number;
  /** First row and number of rows of a list. */
  of(list: number, most: number): readonly [from: number, length: number];
}

function boundsOf({ item, score }: Compared): Bounds {
  const { parent, offsets, count } = (item ?? score)!.rows;
  if (!parent || !offsets) return { count, of: list => [list, 1] };
  return {
    count: parent.count,
    of: (list, most) => [offsets[list]!, Math.min(most, offsets[list + 1]! - offsets[list]!)],
  };
}

interface Pairs {
  /** Rows of the items that both lists have: in the one, and in the other. */
  readonly both: readonly (readonly [number, number])[];
  readonly isEqual: boolean;
  readonly longer: number;
}

type Range = ReturnType<Bounds["of"]>;

function pairsOf(main: Compared, other: Compared, [a, aLength]: Range, [b, bLength]: Range): Pairs {
  const longer = Math.max(aLength, bLength);
  const same = (i: number): boolean => isSame(keyAt(main, a + i), keyAt(other, b + i));
  const shorter = Math.min(aLength, bLength);
  const places = Array.from({ length: shorter }, (_, i) => i);
  const isEqual = aLength === bLength && places.every(same);
  // Without ids a row is known by its place.
  if (!main.item || isEqual) return { both: places.map(i => [a + i, b + i]), isEqual, longer };
  const rowOf = new Map<unknown, number>();
  for (let j = bLength - 1; j >= 0; j--) rowOf.set(keyAt(other, b + j), b + j);
  const both: (readonly [number, number])[] = [];
  for (let i = 0; i < aLength; i++) {
    const key = keyAt(main, a + i);
    const row = rowOf.get(key);
    if (row === undefined) continue;
    // An item that a list has twice counts once.
    rowOf.delete(key);
    both.push([a + i, row]);
  }
  return { both, isEqual, longer };
}

/** Its id, or its score if there are no ids. Texts and numbers compare by value, and null is one of them. */
function keyAt({ item, score }: Compared, row: number): unknown {
  const column = (item ?? score)!;
  return column.validity?.[row] === 0 ? null : column.values[row];
}

/** NaN is the same as NaN: neither branch has a score. */
const isSame = (a: unknown, b: unknown): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b));

const numberAt = ({ values, validity }: Column, row: number): number =>
  validity?.[row] === 0 ? Number.NaN : Number(values[row]);

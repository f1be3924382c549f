/** The lists of several keys → one list, each candidate once. */
import type { ServedTable } from "../../runtime/stores/candidates/candidate-table.js";

/** The arrays are reused for the next row. */
export interface Merged {
  readonly count: number;
  /** Rows of the table. */
  readonly rows: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
}

/**
 * @param merge `"sum"` and `"max"` order by the score, equal ones by first appearance; a key that a list has twice counts once
 * @returns a function of places among the table's keys, −1 for a key that it does not have
 */
export function listMerger(
  { starts, scores, idNumbers, idCount }: ServedTable,
  merge: "sum" | "max" | "roundRobin",
): (keys: Int32Array) => Merged {
  const metBy = new Int32Array(idCount);
  const placeOf = new Int32Array(idCount);
  let turn = 0;
  return keys => {
    turn++;
    const rows: number[] = [];
    const sums: number[] = [];
    const distinct = [...new Set(keys)].filter(key => key >= 0);
    const add = (row: number): void => {
      const id = idNumbers[row]!;
      const score = scores?.[row] ?? 0;
      if (metBy[id] !== turn) {
        metBy[id] = turn;
        placeOf[id] = rows.length;
        rows.push(row);
        sums.push(score);
        return;
      }
      const place = placeOf[id]!;
      sums[place] = merge === "sum" ? sums[place]! + score : Math.max(sums[place]!, score);
    };
    if (merge === "roundRobin") {
      const longest = distinct.reduce((most, key) => Math.max(most, starts[key + 1]! - starts[key]!), 0);
      for (let i = 0; i < longest; i++)
        for (const key of distinct) if (starts[key]! + i < starts[key + 1]!) add(starts[key]! + i);
      return { count: rows.length, rows, scores: sums };
    }
    for (const key of distinct) for (let row = starts[key]!; row < starts[key + 1]!; row++) add(row);
    const order = rows.map((_, i) => i).sort((a, b) => sums[b]! - sums[a]! || a - b);
    return { count: order.length, rows: order.map(i => rows[i]!), scores: order.map(i => sums[i]!) };
  };
}

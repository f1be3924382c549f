/** Scalar columns of the same rows → a number for each row: equal where all columns are, -1 where one is null. Candidates of two users never are. */

import { nullFlags } from "../../../runtime/base/columns/null-flags.js";
import { ancestorIndex } from "../../../runtime/base/columns/row-map.js";
import type { Column } from "../../../runtime/base/columns/table.js";

export function rowKeys(columns: readonly Column[]): Int32Array {
  const { rows } = columns[0]!;
  const owners = rows.parent && !rows.left && ancestorIndex(rows, rows.parent);
  let keys = owners ? Int32Array.from(owners) : new Int32Array(rows.count);
  for (const col of columns) {
    const nulls = nullFlags(col);
    const values = new Map<unknown, number>();
    const pairs = new Map<number, number>();
    const next = new Int32Array(rows.count);
    for (let i = 0; i < rows.count; i++) {
      if (keys[i]! < 0 || nulls[i] === 1) {
        next[i] = -1;
        continue;
      }
      // A Map takes -0 and 0 for one key.
      const value = number(values, col.values[i]);
      next[i] = number(pairs, keys[i]! * (rows.count + 1) + value);
    }
    keys = next;
  }
  return keys;
}

function number<K>(known: Map<K, number>, key: K): number {
  const found = known.get(key);
  if (found !== undefined) return found;
  known.set(key, known.size);
  return known.size - 1;
}

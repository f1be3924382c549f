/** A column of ids that a search leaves out → the form that searches take. */
import { castValues } from "../../base/columns/cast.js";
import type { Column, Rows } from "../../base/columns/table.js";
import type { Excluded } from "./protocol.js";

/** One id or one list of ids per row, integers of any width; nulls exclude nothing. */
export function excludedIds({ dtype, values: given, offsets, width = 1, validity }: Column, rows: Rows): Excluded {
  const values = castValues(given, dtype, "int64", "`exclude`") as BigInt64Array;
  const ends = offsets ?? Int32Array.from({ length: rows.count + 1 }, (_, i) => i * width);
  if (!validity) return { ids: values, offsets: ends };
  const runs = new Int32Array(rows.count + 1);
  const ids: bigint[] = [];
  for (let row = 0; row < rows.count; row++) {
    for (let i = ends[row]!; i < ends[row + 1]!; i++) if (validity[i] !== 0) ids.push(values[i]!);
    runs[row + 1] = ids.length;
  }
  return { ids: BigInt64Array.from(ids), offsets: runs };
}

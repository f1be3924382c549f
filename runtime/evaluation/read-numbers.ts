/** Statements on the table `logged` → typed arrays, and faults in the words of the evaluation. */
import type { Database } from "../etl/database.js";

/** Columns `c0`, `c1`, … of a statement. NULL is NaN in a column of floats. */
export async function numbers<const T extends readonly ("float64" | "int32")[]>(
  database: Database,
  sql: string,
  dtypes: T,
): Promise<{ [K in keyof T]: T[K] extends "float64" ? Float64Array : Int32Array }> {
  const columns = await database.packed(sql, dtypes, "reading the lists");
  return columns.map(({ values }) => values) as never;
}

/** Counts → where each begins, and the total. */
export function ends(counts: Int32Array): Int32Array {
  const starts = new Int32Array(counts.length + 1);
  for (let l = 0; l < counts.length; l++) starts[l + 1] = starts[l]! + counts[l]!;
  return starts;
}

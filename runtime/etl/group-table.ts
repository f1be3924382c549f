/**
 * Key columns of a view and aggregates → one row a key, in the order of the keys, null first. DuckDB must use one thread: sums of floats
 * depend on their order.
 */

import type { PrintedColumn } from "../../operators/shared/kernel/fitted-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { Engine } from "./engine.js";
import type { SqlColumn } from "./sql/sql-column.js";

export interface Aggregate {
  /** Name in the table. */
  readonly name: string;
  readonly sql: string;
  readonly dtype: DType;
}

/**
 * Keys are named `key 0`, `key 1`, … in the table.
 * @param atMost the view has no more rows, if that is known
 */
export async function groupTable(
  engine: Engine,
  view: string,
  keys: readonly SqlColumn[],
  aggregates: readonly Aggregate[],
  doing: string,
  atMost?: number,
): Promise<Readonly<Record<string, PrintedColumn>>> {
  const columns = [
    ...keys.map(({ sql, dtype }, i): Aggregate => {
      // -0 and 0 are one key.
      const zero = dtype === "float32" || dtype === "float64" ? " + 0" : "";
      return { name: `key ${i}`, sql: `${sql}${zero}`, dtype };
    }),
    ...aggregates,
  ];
  const places = keys.map((_, i) => i + 1);
  const select = columns.map(({ sql, dtype }, i) => `CAST(${sql} AS ${engine.sql.type(dtype)}) AS c${i}`).join(", ");
  const order = places.map(i => `${i} NULLS FIRST`).join(", ");
  const found = await engine.packed(
    `SELECT ${select} FROM ${view} GROUP BY ${places.join(", ")} ORDER BY ${order}`,
    columns.map(({ dtype }) => dtype),
    doing,
    { atMost },
  );
  return Object.fromEntries(columns.map(({ name }, i) => [name, found[i]!]));
}

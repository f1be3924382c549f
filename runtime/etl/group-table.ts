/**
 * Key columns of a view and aggregates -> one row a key, in the order of the keys, null first. One thread does it: sums of floats depend
 * on their order.
 */
import type { DType } from "../../triton-protos/datatype.js";
import type { FittedTable } from "../kernels/fitted-table.js";
import { allocate, type Column, rootRows } from "../plan/table.js";
import type { Database } from "./database.js";
import { sqlType } from "./sql/literal.js";
import type { SqlColumn } from "./sql/sql-form.js";

export interface Aggregate {
  /** Name in the table. */
  readonly name: string;
  readonly sql: string;
  readonly dtype: DType;
}

/** Keys are named `key 0`, `key 1`, … in the table. */
export async function groupTable(
  database: Database,
  view: string,
  keys: readonly SqlColumn[],
  aggregates: readonly Aggregate[],
  doing: string,
): Promise<FittedTable> {
  const columns = [
    ...keys.map(({ sql, dtype }, i): Aggregate => {
      // -0 and 0 are one key.
      const zero = dtype === "float32" || dtype === "float64" ? " + 0" : "";
      return { name: `key ${i}`, sql: `${sql}${zero}`, dtype };
    }),
    ...aggregates,
  ];
  const [[threads]] = (await database.rows("SELECT current_setting('threads')", "reading settings")) as [[string]];
  await database.run("SET threads = 1", "changing settings");
  try {
    const places = keys.map((_, i) => i + 1);
    await database.run(
      `CREATE OR REPLACE TEMP TABLE merlon_groups AS SELECT ${columns.map(({ sql, dtype }, i) => `CAST(${sql} AS ${sqlType(dtype)}) AS c${i}`).join(", ")} FROM ${view} GROUP BY ${places.join(", ")} ORDER BY ${places.map(i => `${i} NULLS FIRST`).join(", ")}`,
      doing,
    );
  } finally {
    await database.run(`SET threads = ${threads}`, "changing settings");
  }
  return readTable(database, columns);
}

async function readTable({ connection }: Database, columns: readonly Aggregate[]): Promise<FittedTable> {
  const reader = await connection.runAndReadAll("SELECT * FROM merlon_groups");
  const count = reader.currentRowCount;
  const rows = rootRows(count);
  const found = reader.getColumns();
  return Object.fromEntries(
    columns.map(({ name, dtype }, c): [string, Column] => {
      const values = allocate(dtype, count);
      const target = values as { [i: number]: unknown };
      const validity = new Uint8Array(count).fill(1);
      found[c]!.forEach((value, i) => {
        if (value === null) validity[i] = 0;
        else target[i] = typeof value === "boolean" ? Number(value) : value;
      });
      return [name, { dtype, rows, values, ...(validity.includes(0) && { validity }) }];
    }),
  );
}

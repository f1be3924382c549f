/**
 * A fitted plan and its data -> golden rows: some rows of the data, spread over it, and what the SQL forms make of them.
 */
import type { Plan } from "../../triton-protos/plan.js";
import type { ColumnSchema } from "../../triton-protos/schema.js";
import { type Cell, cellOf } from "../golden/cells.js";
import type { GoldenRows } from "../golden/golden-rows.js";
import type { DataSource } from "./data-source.js";
import type { Database } from "./database.js";
import { layPlan } from "./lay-plan.js";
import { columnFinder, columnsRead, openLayers } from "./layers.js";
import type { Lookups } from "./lookups.js";
import { identifier } from "./sql/literal.js";

/**
 * @param base view of the data
 * @param read what its columns `c0`, … are: more than the plan reads, where a fit has dropped some
 * @param wanted how many rows
 * @param total rows there are
 */
export async function makeGolden(
  database: Database,
  lookups: Lookups,
  plan: Plan,
  base: string,
  { wanted, total, read }: { readonly wanted: number; readonly total: number; readonly read: readonly ColumnSchema[] },
): Promise<GoldenRows> {
  const columns = columnsRead(plan);
  const doing = "taking golden rows";
  const every = Math.max(1, Math.floor(total / wanted));
  const names = columns.map((_, i) => `c${i}`);
  // A row's place within its file, which every kind of data has.
  const place =
    (
      await database.rows(
        `SELECT count(*)::INTEGER FROM duckdb_columns() WHERE table_name = '${base}' AND column_name = 'r1'`,
        doing,
      )
    )[0]![0] === 1
      ? "r1"
      : "r0";
  const picked =
    columns.map(col => `c${read.findIndex(one => one.name === col.name)} AS ${identifier(col.name)}`).join(", ") ||
    "1 AS nothing";
  await database.run(
    `CREATE OR REPLACE TEMP TABLE merlon_golden AS SELECT ${picked} FROM ${base} WHERE ${place} % ${every} = 0 ORDER BY ALL LIMIT ${wanted}`,
    doing,
  );
  const source: DataSource = {
    files: [],
    format: "table",
    relation: "merlon_golden",
    expressions: columns.map(col => identifier(col.name)),
    place: [],
    rows: undefined,
  };
  await lookups.add(plan.steps, columnFinder(plan));
  const layers = await openLayers(database, source, columns, lookups);
  const inputs = await database.rows(`SELECT ${names.join(", ") || "1"} FROM ${layers.view} ORDER BY r0`, doing);
  const outputs = await layPlan(layers, plan);
  const made = await database.rows(`SELECT ${outputs.join(", ")} FROM ${layers.view}${layers.order}`, doing);
  const schemas = plan.outputs.map(output => output.schema);
  return {
    rows: inputs.length,
    inputs: Object.fromEntries(
      columns.map((col, i) => [col.name, inputs.map((row): Cell => cellOf(row[i]!, col.dtype))]),
    ),
    outputs: Object.fromEntries(
      schemas.map((col, i) => [col.name, made.map((row): Cell => cellOf(row[i]!, col.dtype))]),
    ),
  };
}

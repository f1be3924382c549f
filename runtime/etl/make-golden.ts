/**
 * A fitted plan and its data -> golden rows: some rows of the data, spread over it, and what the SQL forms make of them.
 */
import type { Plan } from "../../contract/plan.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { type Cell, cellOf } from "../engine/golden/cells.js";
import type { GoldenRows } from "../engine/golden/golden-rows.js";
import type { DataSource } from "./data-source.js";
import type { Database } from "./database.js";
import { layPlan } from "./lay-plan.js";
import { columnsRead, openLayers } from "./layers.js";
import type { Lookups } from "./lookups.js";

/**
 * @param base view of the data
 * @param read what its columns `c0`, … are: more than the plan reads, where a fit has dropped some
 * @param wanted how many rows
 * @param front take them from so many rows at the front of the data @default all
 */
export async function makeGolden(
  database: Database,
  lookups: Lookups,
  plan: Plan,
  base: string,
  { wanted, read, front }: { readonly wanted: number; readonly read: readonly ColumnSchema[]; readonly front?: number },
): Promise<GoldenRows> {
  const columns = columnsRead(plan);
  const doing = "taking golden rows";
  const names = columns.map((_, i) => `c${i}`);
  const picked =
    columns.map((col, i) => `c${read.findIndex(one => one.name === col.name)} AS g${i}`).join(", ") || "1 AS nothing";
  const numbered = `SELECT ${picked}, row_number() OVER () AS n, count(*) OVER () AS total FROM (SELECT * FROM ${base}${front === undefined ? "" : ` LIMIT ${front}`})`;
  await database.run(
    `CREATE OR REPLACE TABLE merlon_golden AS SELECT * EXCLUDE (n, total) FROM (${numbered}) WHERE (n - 1) % greatest(1, total // ${wanted}) = 0 ORDER BY n LIMIT ${wanted}`,
    doing,
  );
  const source: DataSource = {
    files: [],
    format: "table",
    relation: "merlon_golden",
    expressions: columns.map((_, i) => `g${i}`),
    place: [],
    rows: undefined,
    dictionaries: new Set(),
  };
  const layers = await openLayers(database, source, columns, lookups);
  const inputs = await database.rows(`SELECT ${names.join(", ") || "1"} FROM ${layers.view} ORDER BY r0`, doing);
  const outputs = await layPlan(layers, lookups, plan);
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

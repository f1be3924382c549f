/**
 * A fitted plan and its data → golden rows: some rows of the data, spread over it, and their results from the SQL forms.
 */
import type { FittedPlan } from "../../contract/plan.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { type Cell, cellOf } from "../engine/golden/cells.js";
import type { GoldenRows } from "../engine/golden/golden-rows.js";
import type { DataSource } from "./data-source.js";
import type { Database } from "./database.js";
import { columnsRead, openLayers } from "./layers.js";
import type { Lookups } from "./lookups.js";
import { planQuery } from "./plan-query.js";

/** Which rows are taken. */
interface Picked {
  readonly wanted: number;
  /** The columns `c0`, … of the base: more than the plan reads, if a fit has dropped some. */
  readonly read: readonly ColumnSchema[];
  /** Take them from this number of rows at the front of the data. @default all */
  readonly front?: number;
  /** Rows of the base, if they are known. */
  readonly rows?: number | undefined;
  /** The base's column that counts its rows from 0, in their order. */
  readonly number?: string | undefined;
}

/** Takes rows of a view into a table of their own, from which `makeGolden` reads them. @param base view of the data */
export async function pickRows(
  database: Database,
  base: string,
  { wanted, read, front = Number.POSITIVE_INFINITY, rows: known, number }: Picked,
): Promise<void> {
  const picked = read.map((_, i) => `c${i} AS g${i}`).join(", ") || "1 AS nothing";
  const first = Number.isFinite(front) ? `(SELECT * FROM ${base} LIMIT ${front})` : base;
  const total = Math.min(front, known ?? (await countOf(database, first)));
  const every = Math.max(1, Math.floor(total / wanted));
  // A number that rows have of themselves is compared before the rest of them is read.
  const rows = number
    ? `SELECT ${picked}, ${number} AS n FROM ${base} WHERE ${number} < ${total}`
    : `SELECT ${picked}, row_number() OVER () - 1 AS n FROM ${first}`;
  await database.run(
    `CREATE OR REPLACE TABLE merlon_golden AS SELECT * EXCLUDE (n) FROM (${rows}) WHERE n % ${every} = 0 ORDER BY n LIMIT ${wanted}`,
    DOING,
  );
}

const DOING = "taking golden rows";

const countOf = async (database: Database, relation: string): Promise<number> =>
  Number((await database.rows(`SELECT count(*)::DOUBLE FROM ${relation}`, DOING))[0]![0]);

/**
 * @param read the columns that `pickRows` read
 * @param dictionaries the data's: a column has the SQL form that `merlon transform` gives it
 */
export async function makeGolden(
  database: Database,
  lookups: Lookups,
  plan: FittedPlan,
  read: readonly ColumnSchema[],
  dictionaries: DataSource["dictionaries"],
): Promise<GoldenRows> {
  const columns = columnsRead(plan);
  const names = columns.map((_, i) => `c${i}`);
  const source: DataSource = {
    files: [],
    format: "table",
    relation: "merlon_golden",
    expressions: columns.map(col => `g${read.findIndex(one => one.name === col.name)}`),
    place: [],
    rows: undefined,
    dictionaries,
    smallDictionaries: new Set(),
  };
  const layers = await openLayers(database, source, columns, lookups, { inline: true });
  const inputs = await database.rows(`SELECT ${names.join(", ") || "1"} FROM ${layers.view} ORDER BY r0`, DOING);
  const outputs = await planQuery(layers, lookups, plan);
  const made = await database.rows(`SELECT ${outputs.join(", ")} FROM ${layers.view}${layers.order}`, DOING);
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

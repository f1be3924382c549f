/** The columns of a `dataStats` step, and a view → statistics of the data, in one statement. */
import type { Json } from "@duckdb/node-api";
import type { OpState } from "../../contract/op-state.js";
import type { Step } from "../../contract/plan.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Learning } from "./learning.js";
import type { Sql } from "./sql/dialect.js";
import type { SqlColumn } from "./sql/sql-column.js";

type Stats = OpState["dataStats"]["columns"][string];

/** A list column is described by its items. */
export async function learnDataStats(
  { engines, layers: { view, find } }: Learning,
  step: Step<"dataStats">,
): Promise<OpState["dataStats"]> {
  const described = step.inputs.input.map(async (ref): Promise<[string, Stats]> => {
    const column = find(ref)!;
    const [row] = await engines.run(({ sql, rows }) => {
      const values = `SELECT ${column.list ? sql.items(column.sql) : column.sql} AS v FROM ${view}`;
      return rows(`SELECT ${statistics(sql, column).join(", ")} FROM (${values})`, `describing column \`${ref.name}\``);
    });
    return [ref.name, read(column, row!)];
  });
  return { columns: Object.fromEntries(await Promise.all(described)) };
}

function statistics(sql: Sql, { dtype }: SqlColumn): readonly string[] {
  const { kind } = datatype(dtype);
  const size = kind === "string" ? sql.characters("v") : kind === "bool" ? "CAST(v AS TINYINT)" : "v";
  const isFloat = kind === "float";
  const finite = isFloat
    ? `CASE WHEN NOT ${sql.isInfinite("v")} THEN CAST(v AS DOUBLE) END`
    : `CAST(${size} AS DOUBLE)`;
  return [
    isFloat ? "NULL" : "CAST(count(DISTINCT v) AS DOUBLE)",
    `min(${size})`,
    `max(${size})`,
    sql.meanOfFloats(finite),
    `stddev_samp(${finite})`,
    "CASE WHEN count(*) > 0 THEN 100 * (1 - CAST(count(v) AS DOUBLE) / count(*)) ELSE CAST(0 AS DOUBLE) END",
  ];
}

/** 64-bit integers are read as text; those that a number holds become numbers. */
const exact = (value: Json | undefined): Json | undefined =>
  typeof value === "string" && Number.isSafeInteger(Number(value)) ? Number(value) : value;

function read({ dtype }: SqlColumn, [cardinality, min, max, mean, std, perNan]: readonly Json[]): Stats {
  const known = (name: string, value: Json | undefined) =>
    value === null || value === undefined ? {} : { [name]: value };
  return {
    dtype,
    ...known("cardinality", cardinality),
    ...known("min", exact(min)),
    ...known("max", exact(max)),
    ...known("mean", mean),
    ...known("std", std),
    perNan: Number(perNan ?? 0),
  };
}

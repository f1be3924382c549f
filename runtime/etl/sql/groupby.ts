/** `groupby` in SQL: aggregates over the values in their order, and the condition that keys are there. */
import type { OpParams } from "../../../triton-protos/op-params.js";
import type { Step } from "../../../triton-protos/plan.js";
import type { Sql } from "./dialect.js";
import type { SqlColumn, SqlForm } from "./sql-form.js";

type Agg = OpParams["groupby"]["aggs"][number]["agg"];

export const groupby: SqlForm<"groupby"> = (step, inputs, { sql, order }) => {
  const { by, sort, ascending, aggs } = step.params;
  const column = columnsOf(step, inputs);
  const sorted = sort.map(name => `${column(name).sql} ${ascending ? "ASC" : "DESC"} NULLS LAST`);
  const within = `ORDER BY ${[...sorted, ...order].join(", ")}`;
  return [
    ...by.map(name => keyOf(column(name))),
    ...aggs.map(({ column: name, agg }) => aggregate(sql, column(name).sql, agg, within, ascending)),
  ];
};

/** -0 and 0 are one key. */
export const keyOf = ({ sql, dtype }: SqlColumn): string => (dtype.startsWith("float") ? `(${sql} + 0)` : sql);

const columnsOf =
  (step: Step<"groupby">, inputs: readonly SqlColumn[]) =>
  (name: string): SqlColumn =>
    inputs[step.inputs.input!.findIndex(ref => ref.name === name)]!;

/** Keys of a step: what to group by. */
export const groupKeys = (step: Step<"groupby">, inputs: readonly SqlColumn[]): readonly string[] =>
  step.params.by.map(name => keyOf(columnsOf(step, inputs)(name)));

function aggregate(sql: Sql, v: string, agg: Agg, within: string, ascending: boolean): string {
  const double = `CAST(${v} AS DOUBLE)`;
  switch (agg) {
    case "list":
      return `list(${v} ${within})`;
    case "first":
    case "last":
      return `list(${v} ${within})[${(agg === "first") === ascending ? 1 : -1}]`;
    case "count":
      return `CAST(count(${v}) AS INTEGER)`;
    case "nunique":
      return `CAST(count(DISTINCT ${v}) AS INTEGER)`;
    case "min":
    case "max":
      return `${agg}(${v})`;
    case "sum":
      return sql.toFloat32(`coalesce(sum(${double} ${within}), 0)`);
    case "mean":
      return sql.toFloat32(`(sum(${double} ${within}) / count(${v}))`);
    case "median":
      return sql.toFloat32(`quantile_cont(${double}, 0.5)`);
    case "std":
      return sql.toFloat32(`stddev_samp(${double} ${within})`);
    case "var":
      return sql.toFloat32(`var_samp(${double} ${within})`);
  }
}

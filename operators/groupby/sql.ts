/** `groupby` in SQL: aggregates over the values in their order, and the condition that keys are there. */
import type { OpParams } from "../../contract/op-params.js";
import type { Step } from "../../contract/plan.js";
import type { SortKey, Sql } from "../../runtime/etl/sql/dialect.js";
import type { SqlColumn } from "../../runtime/etl/sql/sql-column.js";
import type { GroupKeys, SqlForm } from "../../runtime/etl/sql/sql-form.js";

type Agg = OpParams["groupby"]["aggs"][number]["agg"];

export const groupby: SqlForm<"groupby"> = (step, inputs, { sql, order }) => {
  const { by, sort, ascending, aggs } = step.params;
  const column = columnsOf(step, inputs);
  const sorted = sort.map((name): SortKey => ({ sql: column(name).sql, descending: !ascending }));
  const within = [...sorted, ...order.map((place): SortKey => ({ sql: place }))];
  return [
    ...by.map(name => keyOf(sql, column(name))),
    ...aggs.map(({ column: name, agg }) => aggregate(sql, column(name).sql, agg, within, ascending)),
  ];
};

/** -0 and 0 are one key. */
const keyOf = (to: Sql, { sql, dtype }: SqlColumn): string =>
  dtype.startsWith("float") ? `(${sql} + ${to.constant(0, dtype)})` : sql;

const columnsOf =
  (step: Step<"groupby">, inputs: readonly SqlColumn[]) =>
  (name: string): SqlColumn =>
    inputs[step.inputs.input.findIndex(ref => ref.name === name)]!;

/** Keys of a step: what to group by. */
export const groupKeys: GroupKeys<"groupby"> = (step, inputs, sql) =>
  step.params.by.map(name => keyOf(sql, columnsOf(step, inputs)(name)));

function aggregate(sql: Sql, v: string, agg: Agg, within: readonly SortKey[], ascending: boolean): string {
  const double = `CAST(${v} AS DOUBLE)`;
  switch (agg) {
    case "list":
      return sql.inOrder.list(v, within);
    case "first":
    case "last":
      return sql.element(sql.inOrder.list(v, within), (agg === "first") === ascending ? 1 : -1);
    case "count":
      return `CAST(count(${v}) AS INTEGER)`;
    case "nunique":
      return `CAST(count(DISTINCT ${v}) AS INTEGER)`;
    case "min":
    case "max":
      return `${agg}(${v})`;
    case "sum":
      return sql.toFloat32(sql.inOrder.sum(double, within));
    case "mean":
      return sql.toFloat32(sql.inOrder.mean(double, within));
    case "median":
      return sql.toFloat32(sql.median(double, true));
    case "std":
      return sql.toFloat32(`sqrt(${sql.inOrder.variance(double, within)})`);
    case "var":
      return sql.toFloat32(sql.inOrder.variance(double, within));
  }
}

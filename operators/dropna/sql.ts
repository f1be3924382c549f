/** `dropna` in SQL: the columns as they are; the layer that holds them has its condition in `WHERE`. */

import type { RowCondition, SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const dropna: SqlForm<"dropna"> = (step, inputs) => {
  const refs = step.inputs.input;
  return step.outputs.map(({ name }) => inputs[refs.findIndex(ref => ref.name === name)]!.sql);
};

/** No scalar is null. */
export const allPresent: RowCondition<"dropna"> = (_, inputs) =>
  inputs.flatMap(col => (col.list ? [] : `${col.sql} IS NOT NULL`)).join(" AND ") || "true";

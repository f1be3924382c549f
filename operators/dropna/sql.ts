/** `dropna` in SQL: the columns as they are; the layer that holds them has its condition in `WHERE`. */

import type { RowCondition, SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { keptColumns } from "../shared/sql/kept-columns.js";

export const dropna: SqlForm<"dropna"> = keptColumns;

/** No scalar is null. */
export const allPresent: RowCondition<"dropna"> = (_, inputs) =>
  inputs.flatMap(col => (col.list ? [] : `${col.sql} IS NOT NULL`)).join(" AND ") || "true";

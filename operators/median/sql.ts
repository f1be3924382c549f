/** `median` in SQL: the columns as they are. */
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const median: SqlForm<"median"> = (_step, inputs) => inputs.map(col => col.sql);

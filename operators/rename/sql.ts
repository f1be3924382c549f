/** `rename` in SQL: the columns as they are; the plan gives them their names. */
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const rename: SqlForm<"rename"> = (_step, inputs) => inputs.map(col => col.sql);

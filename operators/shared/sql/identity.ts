/** Returns the SQL of the columns unchanged: for operators that change metadata alone; the plan names the columns. */
import type { SqlColumn } from "../../../runtime/etl/sql/sql-column.js";

export const identity = (_: unknown, inputs: readonly SqlColumn[]): readonly string[] => inputs.map(col => col.sql);

/** Columns in SQL as they are: of operators that say something of columns; the plan gives them their names. */
import type { SqlColumn } from "../../../runtime/etl/sql/sql-column.js";

export const asTheyAre = (_: unknown, inputs: readonly SqlColumn[]): readonly string[] => inputs.map(col => col.sql);

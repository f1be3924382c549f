/** `valueCount` in SQL: the lists; where all had one length, any other is an error. */
import { zip } from "../../contract/lists.js";
import { fixedLength } from "../../contract/schema.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const valueCount: SqlForm<"valueCount"> = (step, inputs, { sql }) =>
  zip(inputs, step.outputs).map(([{ sql: col, dtype }, made]) => {
    const length = fixedLength(made);
    // An array without values is not a type of DuckDB.
    return length ? sql.ofLength(col, dtype, length) : col;
  });

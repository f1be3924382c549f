/** `valueCount` in SQL: the lists; where all had one length, any other is an error. */
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const valueCount: SqlForm<"valueCount"> = (step, inputs, { sql }) =>
  inputs.map(({ sql: col, dtype }, i) => {
    const list = step.outputs[i]!.list!;
    // An array of no values is no type that DuckDB has.
    return list.min === list.max && list.min > 0 ? sql.ofLength(col, dtype, list.min) : col;
  });

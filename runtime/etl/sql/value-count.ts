/** `valueCount` in SQL: the lists; where all had one length, the cast to an array and back refuses any other. */
import { sqlType } from "./literal.js";
import type { SqlForm } from "./sql-form.js";

export const valueCount: SqlForm<"valueCount"> = (step, inputs) =>
  inputs.map(({ sql, dtype }, i) => {
    const list = step.outputs[i]!.list!;
    const type = sqlType(dtype);
    // An array of no values is no type that DuckDB has.
    return list.min === list.max && list.min > 0 ? `CAST(CAST(${sql} AS ${type}[${list.min}]) AS ${type}[])` : sql;
  });

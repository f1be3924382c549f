/** `differenceLag` in SQL: `lag` over the rows in the data's order. */
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const differenceLag: SqlForm<"differenceLag"> = (step, inputs, { sql: to, order, port }) => {
  const window = `OVER (ORDER BY ${order.join(", ")})`;
  return step.params.shifts.flatMap(shift => {
    const other = (v: string) => `${shift > 0 ? "lag" : "lead"}(${v}, ${Math.abs(shift)}) ${window}`;
    const same = port("partition").map(({ sql }) => `${sql} = ${other(sql)}`);
    return inputs.map(({ sql, dtype }) => {
      // Beyond 2^53 integers are compared before they become floats.
      const exact = dtype === "int64" || dtype === "uint64" ? "DECIMAL(20, 0)" : "DOUBLE";
      const value = `CAST(${sql} AS ${exact})`;
      const difference = `CAST(${value} - ${other(value)} AS DOUBLE)`;
      return `CASE WHEN ${same.join(" AND ") || "true"} THEN ${to.toFloat32(difference)} END`;
    });
  });
};

/** `differenceLag` in SQL: `lag` over the rows in the data's order. */
import type { SqlForm } from "./sql-form.js";

export const differenceLag: SqlForm<"differenceLag"> = (step, inputs, { sql: to, order, port }) => {
  const window = `OVER (ORDER BY ${order.join(", ")})`;
  return step.params.shifts.flatMap(shift => {
    const other = (v: string) => `${shift > 0 ? "lag" : "lead"}(${v}, ${Math.abs(shift)}) ${window}`;
    const same = port("partition").map(({ sql }) => `${sql} = ${other(sql)}`);
    return inputs.map(({ sql }) => {
      const value = `CAST(${sql} AS DOUBLE)`;
      return `CASE WHEN ${same.join(" AND ") || "true"} THEN ${to.toFloat32(`(${value} - ${other(value)})`)} END`;
    });
  });
};

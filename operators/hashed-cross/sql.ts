/** `hashedCross` in SQL: `xor` over the hashes of the columns, group by group. */
import { throughKernel } from "../../runtime/etl/sql/kernel-function.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const hashedCross: SqlForm<"hashedCross"> = (step, inputs, context) => {
  if (step.params.nvtabularHash) return throughKernel(step, inputs, context);
  const hashes = new Map(step.inputs.input.map((ref, i) => [ref.name, context.sql.hash(inputs[i]!).sql]));
  return step.params.groups.map(group => {
    const crossed = group.map(name => hashes.get(name)!).reduce((left, right) => context.sql.xor(left, right));
    return `CAST(${context.sql.modulo(crossed, step.params.numBuckets)} AS INTEGER)`;
  });
};

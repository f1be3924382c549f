/** `hashBucket` in SQL: one 64-bit hash a value, modulo the buckets. */
import { throughKernel } from "../../runtime/etl/sql/kernel-function.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const hashBucket: SqlForm<"hashBucket"> = (step, inputs, context) => {
  const { sql } = context;
  const { numBuckets, nvtabularHash } = step.params;
  if (nvtabularHash) return throughKernel(step, inputs, context);
  return inputs.map(col => sql.each(sql.hash(col), v => `CAST(${sql.modulo(v, numBuckets)} AS INTEGER)`));
};

/** `hashedCross` in SQL: `xor` over the hashes of `hashBucket`. */
import { hashOf } from "./hash-bucket.js";
import type { SqlForm } from "./sql-form.js";

export const hashedCross: SqlForm<"hashedCross"> = (step, inputs) => {
  const crossed = inputs.map(col => hashOf(col).sql).reduce((left, right) => `xor(${left}, ${right})`);
  return [`CAST(${crossed} % ${step.params.numBuckets} AS INTEGER)`];
};

/** `hashedCross` in SQL: `xor` over the hashes of `hashBucket`, group by group. */
import { hashOf } from "./hash-bucket.js";
import { throughKernel } from "./kernel-function.js";
import type { SqlForm } from "./sql-form.js";

export const hashedCross: SqlForm<"hashedCross"> = (step, inputs, context) => {
  if (step.params.nvtabularHash) return throughKernel(step, inputs, context);
  const hashes = new Map(step.inputs.input!.map((ref, i) => [ref.name, hashOf(inputs[i]!).sql]));
  return step.params.groups.map(group => {
    const crossed = group.map(name => hashes.get(name)!).reduce((left, right) => `xor(${left}, ${right})`);
    return `CAST(${crossed} % ${step.params.numBuckets} AS INTEGER)`;
  });
};

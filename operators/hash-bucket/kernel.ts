/** Columns of any dtype → int32 columns `hash(x) mod numBuckets`, the hash being pandas' own of the value alone. */
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { bucketOf, hashValues } from "../shared/kernel/pandas-hash.js";
import { withRowNumbers } from "../shared/kernel/row-hash.js";
import { rowNumbers } from "../shared/kernel/row-numbers.js";
import { withValues } from "../shared/kernel/with-values.js";

export const hashBucket: Kernel<"hashBucket"> = {
  prepare: ({ params: { numBuckets, nvtabularHash } }) => ({
    run: inputs =>
      inputs.input.map(col => {
        const plain = hashValues(col);
        const hashes = nvtabularHash ? withRowNumbers(plain, rowNumbers(inputs)) : plain;
        const buckets = new Int32Array(hashes.length / 2);
        for (let i = 0; i < buckets.length; i++) buckets[i] = bucketOf(hashes[2 * i]!, hashes[2 * i + 1]!, numBuckets);
        return withValues(col, "int32", buckets);
      }),
  }),
};

/** Scalar columns of any dtype -> one int32 column: the exclusive or of the columns' pandas hashes, mod `numBuckets`. */
import type { Kernel } from "../plan/kernel.js";
import { like } from "./like.js";
import { bucketOf, hashValues } from "./pandas-hash.js";

export const hashedCross: Kernel<"hashedCross"> = {
  prepare: ({ params: { numBuckets } }) => ({
    run: inputs => {
      const [first, ...others] = inputs.input!;
      const hashes = hashValues(first!);
      for (const other of others) {
        const more = hashValues(other);
        for (let i = 0; i < hashes.length; i++) hashes[i] = hashes[i]! ^ more[i]!;
      }
      const buckets = new Int32Array(hashes.length / 2);
      for (let i = 0; i < buckets.length; i++) buckets[i] = bucketOf(hashes[2 * i]!, hashes[2 * i + 1]!, numBuckets);
      return [like(first!, "int32", buckets)];
    },
  }),
};

/** hash(x) mod n: ids without a vocabulary. */

import type { Recast } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";
import { embeddingDimension, mapColumns, numbersOf, withProperties, withTags } from "../shared/author/elementwise.js";
import { scalars } from "../target-encoding/author.js";

interface HashRule extends Rule {
  readonly fault: never;
  readonly out: Recast<this["S"], "int32">;
}

/**
 * hash(x) mod `numBuckets`, int32. The hash is `pandas.util.hash_array`: it depends on the value alone (NVTabular on CPU mixes the row
 * number in, so that one value gets different buckets).
 * @param options.nvtabularHash mixes the row number in after all, offline and online, to compare with NVTabular @default false
 * @example ["brand"] >> hashBucket(1000)
 */
export const hashBucket = (numBuckets: number, options: { readonly nvtabularHash?: boolean } = {}): Op<HashRule> =>
  new Op("hashBucket", { numBuckets, ...options });

export const hashBucketOp = defineOp({
  kind: "hashBucket",
  positional: ["numBuckets"],
  params: OP_PARAMS.hashBucket,
  infer: call =>
    mapColumns(call, ({ column }) => {
      if (call.params.nvtabularHash && !scalars(call, "hashBucket with nvtabularHash", call.input, "left", () => true))
        return undefined;
      const { numBuckets } = call.params;
      return withProperties(withTags(numbersOf(column, "int32"), ["categorical"]), {
        num_buckets: numBuckets,
        domain: { min: 0, max: numBuckets - 1, name: column.name },
        embedding_sizes: { cardinality: numBuckets, dimension: embeddingDimension(numBuckets) },
      });
    }),
});

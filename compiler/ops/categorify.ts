/** Values → ids: 0 padding, 1 null, then out-of-vocabulary, then the vocabulary by frequency. */
import { OP_PARAMS, OP_STATE, type OpParamsInput } from "../../triton-protos/op-params.js";
import type { Recast } from "../dsl/column.js";
import { Op } from "../dsl/node.js";
import type { Rule } from "../dsl/rule.js";
import { defineOp } from "./define-op.js";
import { embeddingDimension, mapColumns, withProperties, withTags } from "./elementwise.js";

interface CategorifyRule<To extends string> extends Rule {
  readonly fault: never;
  readonly out: Recast<this["S"], To>;
}

/**
 * Encodes values as ids: 0 is padding, 1 null, 2 … 1 + numBuckets out of vocabulary, then the fitted vocabulary, most frequent first
 * (ties: smaller value first). NVTabular's Categorify.
 * @param options.freqThreshold values seen fewer times are out of vocabulary
 * @param options.maxSize upper bound of the number of ids, reserved ones included
 * @param options.numBuckets how many ids out-of-vocabulary values are hashed to
 * @example ["item_id", "brand"] >> categorify({ freqThreshold: 2 })
 */
export function categorify(
  options: OpParamsInput["categorify"] & { readonly outDtype: "int32" },
): Op<CategorifyRule<"int32">>;
export function categorify(
  options?: Omit<OpParamsInput["categorify"], "outDtype"> & { readonly outDtype?: "int64" },
): Op<CategorifyRule<"int64">>;
export function categorify(options: OpParamsInput["categorify"] = {}): Op<CategorifyRule<string>> {
  return new Op("categorify", options);
}

export const categorifyOp = defineOp({
  kind: "categorify",
  params: OP_PARAMS.categorify
    .refine(p => !(p.maxSize && p.freqThreshold), "takes `freqThreshold` or `maxSize`, not both")
    .refine(
      p => !p.maxSize || p.maxSize >= Math.max(p.numBuckets + 2, 3),
      "`maxSize` must leave room for the reserved ids: at least `numBuckets` + 2, and at least 3",
    ),
  facts: { elementwise: true, inWorkflow: true, prunable: true },
  infer: call => {
    const state = OP_STATE.categorify.safeParse(call.state).data;
    return mapColumns<"categorify">(call, ({ column }) => {
      const encoded = withTags({ ...column, dtype: call.params.outDtype }, ["categorical"]);
      const fitted = state?.columns[column.name];
      if (!fitted) return encoded;
      const { cardinality, vocabulary } = fitted;
      return withProperties(encoded, {
        // NVTabular writes null where nobody asked for buckets.
        num_buckets: call.params.numBuckets > 1 ? call.params.numBuckets : null,
        freq_threshold: call.params.freqThreshold,
        max_size: call.params.maxSize,
        cat_path: vocabulary,
        domain: { min: 0, max: cardinality - 1, name: column.name },
        embedding_sizes: { cardinality, dimension: embeddingDimension(cardinality) },
      });
    });
  },
});

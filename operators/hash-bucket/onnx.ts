/** Values → int32 pandas' hash mod `numBuckets`. */
import { zip } from "../../contract/lists.js";
import { bucketOf, hashColumn } from "../shared/onnx/hash.js";
import { withValues } from "../shared/onnx/lowered-column.js";
import { KEEP, type Lowering } from "../shared/onnx/lowering.js";

export const hashBucket: Lowering<"hashBucket"> = (step, { input }, context) => {
  if (step.params.nvtabularHash) context.fail(...ROW_HASH);
  return zip(input, step.inputs.input).map(([col, { name }]) =>
    withValues(col, "int32", bucketOf(context.g, hashColumn(context, col, name), step.params.numBuckets)),
  );
};

export const ROW_HASH = [
  "`nvtabularHash` hashes a value together with the place of its row, so that answers depend on who else is in the batch",
  `Leave it out, or ${KEEP}.`,
] as const;

/** Columns of a group → int32: the exclusive or of their hashes, mod `numBuckets`. */
import { bitXor } from "../../compiler/onnx/elementary.js";
import { ROW_HASH } from "../hash-bucket/onnx.js";
import { bucketOf, hashColumn } from "../shared/onnx/hash.js";
import { type LoweredColumn, withValues } from "../shared/onnx/lowered-column.js";
import type { LowerContext, Lowering } from "../shared/onnx/lowering.js";

export const hashedCross: Lowering<"hashedCross"> = (step, { input }, context) => {
  const { groups, numBuckets, nvtabularHash } = step.params;
  if (nvtabularHash) context.fail(...ROW_HASH);
  const names = step.inputs.input.map(ref => ref.name);
  return groups.map(group => {
    const columns = group.map(name => input[names.indexOf(name)]!);
    const hashes = hashTogether(context, columns, group);
    return withValues(columns[0]!, "int32", bucketOf(context.g, hashes, numBuckets));
  });
};

/** int64 bits. */
export const hashTogether = (context: LowerContext, columns: readonly LoweredColumn[], names: readonly string[]) =>
  columns.map((col, i) => hashColumn(context, col, names[i]!)).reduce((a, b) => bitXor(context.g, a, b));

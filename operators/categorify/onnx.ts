/** Values, or tuples of them → ids of the fitted vocabulary: 1 null, then the buckets of unknown values, then the vocabulary. */

import { add, and, int64, less, where } from "../../compiler/onnx/elementary.js";
import { encodings } from "../../contract/categorify-columns.js";
import { learntOf } from "../../contract/learnt-columns.js";
import { ROW_HASH } from "../hash-bucket/onnx.js";
import { hashTogether } from "../hashed-cross/onnx.js";
import { bucketOf } from "../shared/onnx/hash.js";
import { placesOf, readTable, tuplePlaces } from "../shared/onnx/key-places.js";
import { nulls, withValues } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

const [NULL_ID, FIRST_BUCKET] = [1, 2];

export const categorify: Lowering<"categorify"> = (step, { input }, context) => {
  const { g } = context;
  const names = step.inputs.input.map(ref => ref.name);
  const made = new Map(encodings(step.params, names).map(one => [one.output, one]));
  return step.outputs.map(({ name }) => {
    const { columns: own, numBuckets } = made.get(name)!;
    const { vocabulary, offset = 0 } = learntOf(step, name);
    const columns = own.map(column => input[names.indexOf(column)]!);
    const table = readTable(context, vocabulary);
    const places =
      own.length > 1
        ? tuplePlaces(
            context,
            columns,
            own,
            own.map((_, i) => table[`key ${i}`]!),
          )
        : placesOf(context, columns[0]!, own[0]!, table.value!);
    if (numBuckets > 1 && step.params.nvtabularHash) context.fail(...ROW_HASH);
    const bucket =
      numBuckets > 1
        ? add(g, bucketOf(g, hashTogether(context, columns, own), numBuckets), int64(g, FIRST_BUCKET + offset))
        : int64(g, FIRST_BUCKET + offset);
    const ids = where(
      g,
      less(g, places, int64(g, 0)),
      bucket,
      add(g, places, int64(g, FIRST_BUCKET + numBuckets + offset)),
    );
    const missing = columns.map(col => nulls(g, col));
    const allMissing = missing.every(m => m) ? missing.map(m => m!).reduce((a, b) => and(g, a, b)) : undefined;
    return withValues(
      columns[0]!,
      step.params.outDtype,
      allMissing ? where(g, allMissing, int64(g, NULL_ID + offset), ids) : ids,
    );
  });
};

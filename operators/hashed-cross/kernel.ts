/** Scalar columns of any dtype → an int32 column per group: the exclusive or of its columns' pandas hashes, mod `numBuckets`. */

import type { Column } from "../../runtime/base/columns/table.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { bucketOf, hashValues } from "../shared/kernel/pandas-hash.js";
import { withRowNumbers } from "../shared/kernel/row-hash.js";
import { rowNumbers } from "../shared/kernel/row-numbers.js";
import { withValues } from "../shared/kernel/with-values.js";

export const hashedCross: Kernel<"hashedCross"> = {
  prepare({ params: { numBuckets, groups, nvtabularHash }, inputs: { input = [] } }) {
    const places = groups.map(group => group.map(name => input.findIndex(ref => ref.name === name)));
    return {
      run: inputs =>
        places.map(at =>
          cross(
            at.map(i => inputs.input[i]!),
            numBuckets,
            nvtabularHash ? rowNumbers(inputs) : undefined,
          ),
        ),
    };
  },
};

function cross(columns: readonly Column[], numBuckets: number, numbers: Float64Array | undefined): Column {
  const hashes = hashTogether(columns, numbers);
  const buckets = new Int32Array(hashes.length / 2);
  for (let i = 0; i < buckets.length; i++) buckets[i] = bucketOf(hashes[2 * i]!, hashes[2 * i + 1]!, numBuckets);
  return withValues(columns[0]!, "int32", buckets);
}

/** Two words a row: the exclusive or of the columns' hashes, each with the row's number where there are `numbers`. */
export function hashTogether([first, ...others]: readonly Column[], numbers?: Float64Array): Int32Array {
  const hashOf = (col: Column) => (numbers ? withRowNumbers(hashValues(col), numbers) : hashValues(col));
  const hashes = hashOf(first!);
  for (const other of others) {
    const more = hashOf(other);
    for (let i = 0; i < hashes.length; i++) hashes[i] = hashes[i]! ^ more[i]!;
  }
  return hashes;
}

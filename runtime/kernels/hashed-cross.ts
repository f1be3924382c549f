/** Scalar columns of any dtype -> an int32 column per group: the exclusive or of its columns' pandas hashes, mod `numBuckets`. */
import type { Kernel } from "../plan/kernel.js";
import type { Column } from "../plan/table.js";
import { like } from "./like.js";
import { bucketOf, hashValues } from "./pandas-hash.js";

export const hashedCross: Kernel<"hashedCross"> = {
  prepare({ params: { numBuckets, groups }, inputs: { input = [] } }) {
    const places = groups.map(group => group.map(name => input.findIndex(ref => ref.name === name)));
    return {
      run: inputs =>
        places.map(at =>
          cross(
            at.map(i => inputs.input![i]!),
            numBuckets,
          ),
        ),
    };
  },
};

function cross(columns: readonly Column[], numBuckets: number): Column {
  const hashes = hashTogether(columns);
  const buckets = new Int32Array(hashes.length / 2);
  for (let i = 0; i < buckets.length; i++) buckets[i] = bucketOf(hashes[2 * i]!, hashes[2 * i + 1]!, numBuckets);
  return like(columns[0]!, "int32", buckets);
}

/** Two words a row: the exclusive or of the columns' hashes. */
export function hashTogether([first, ...others]: readonly Column[]): Int32Array {
  const hashes = hashValues(first!);
  for (const other of others) {
    const more = hashValues(other);
    for (let i = 0; i < hashes.length; i++) hashes[i] = hashes[i]! ^ more[i]!;
  }
  return hashes;
}

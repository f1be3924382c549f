/** Columns of scores and embeddings ↔ numbers: the two 16-bit floats are stored as bits, the others as they are. */

import type { Column } from "../../../runtime/base/columns/table.js";
import type { DType } from "../../../triton-protos/datatype.js";
import { fromBfloats, fromHalves, toBfloats, toHalves } from "../../../triton-protos/float16.js";

/** @returns the column's own array where it holds numbers */
export function scoreValues({ dtype, values }: Column): Float32Array | Float64Array {
  if (dtype === "float16") return fromHalves(values as Uint16Array);
  if (dtype === "bfloat16") return fromBfloats(values as Uint16Array);
  return values as Float32Array | Float64Array;
}

/** @returns values of a column of this dtype; `numbers` itself where it is one's */
export function toScores(
  dtype: DType,
  numbers: Float32Array | Float64Array,
): Float32Array | Float64Array | Uint16Array {
  if (dtype === "float16") return toHalves(numbers);
  return dtype === "bfloat16" ? toBfloats(numbers) : numbers;
}

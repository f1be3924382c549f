/**
 * Numeric column → its values as float64, nulls as NaN, in a fresh array that the caller may write.
 * Conversions between typed arrays are the engine's own, so each kernel's loop sees one array type.
 */

import { float64s } from "../../../runtime/base/columns/short-arrays.js";
import type { Column } from "../../../runtime/base/columns/table.js";
import { words } from "../../../runtime/base/columns/words.js";
import { internal, type RuntimeFault } from "../../../runtime/base/errors.js";
import { datatype } from "../../../triton-protos/datatype.js";

/** @throws RuntimeFault for strings and for half floats, which have no arithmetic here */
export function floatValues(col: Column, what: string): Float64Array {
  const floats = convert(col, what);
  const { validity } = col;
  if (validity) for (let i = 0; i < floats.length; i++) if (validity[i] === 0) floats[i] = Number.NaN;
  return floats;
}

function convert(col: Column, what: string): Float64Array {
  const { values } = col;
  if (values instanceof BigInt64Array) return fromWords(words(values), true);
  if (values instanceof BigUint64Array) return fromWords(words(values), false);
  if (!hasNumbers(col)) throw notNumbers(col, what);
  const numbers = values as Float32Array;
  const floats = float64s(numbers.length);
  floats.set(numbers);
  return floats;
}

function fromWords(pairs: Int32Array, signed: boolean): Float64Array {
  const floats = float64s(pairs.length / 2);
  for (let i = 0; i < floats.length; i++) {
    const high = pairs[2 * i + 1]!;
    floats[i] = (signed ? high : high >>> 0) * 4294967296 + (pairs[2 * i]! >>> 0);
  }
  return floats;
}

/** Strings and half floats have no numbers here. */
export const hasNumbers = ({ dtype }: Column): boolean =>
  datatype(dtype).kind !== "string" && datatype(dtype).duckdb !== null;

export const notNumbers = ({ dtype }: Column, what: string): RuntimeFault =>
  internal(`${what} needs numbers, but its column is ${dtype}. Build the plan again with \`merlon build\`.`);

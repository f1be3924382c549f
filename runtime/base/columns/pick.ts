/** Values and indices → the values at those indices. One loop for each common kind of array: a loop that has met many kinds is several times slower. */
import type { Values } from "../../../triton-protos/datatype.js";
import { float32s, int32s, int64s } from "./short-arrays.js";
import { words } from "./words.js";

/** @returns an array of the same kind */
export function pick<V extends Values>(values: V, indices: Int32Array): V {
  return picked(values, indices) as V;
}

function picked(values: Values, indices: Int32Array): Values {
  if (values instanceof BigInt64Array) {
    const to = int64s(indices.length);
    pickPairs(words(values), indices, words(to));
    return to;
  }
  if (values instanceof Float32Array) return floatsAt(values, indices);
  if (values instanceof Int32Array) return int32At(values, indices);
  if (values instanceof BigUint64Array) {
    const to = new BigUint64Array(indices.length);
    pickPairs(words(values), indices, words(to));
    return to;
  }
  if (Array.isArray(values)) return Array.from(indices, i => values[i] as string);
  const from = values as Float64Array;
  const to = new (from.constructor as Float64ArrayConstructor)(indices.length);
  for (let i = 0; i < indices.length; i++) to[i] = from[indices[i]!]!;
  return to;
}

/** 64-bit values move as two words, never as BigInt. */
function pickPairs(from: Int32Array, indices: Int32Array, to: Int32Array): void {
  for (let i = 0; i < indices.length; i++) {
    const at = 2 * indices[i]!;
    to[2 * i] = from[at]!;
    to[2 * i + 1] = from[at + 1]!;
  }
}

function floatsAt(from: Float32Array, indices: Int32Array): Float32Array {
  const to = float32s(indices.length);
  for (let i = 0; i < indices.length; i++) to[i] = from[indices[i]!]!;
  return to;
}

function int32At(from: Int32Array, indices: Int32Array): Int32Array {
  const to = int32s(indices.length);
  for (let i = 0; i < indices.length; i++) to[i] = from[indices[i]!]!;
  return to;
}

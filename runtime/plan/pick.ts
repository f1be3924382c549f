/** Values and indices → the values at those indices. One loop for each common kind of array: a loop that has met many kinds is several times slower. */
import type { Values } from "../../triton-protos/datatype.js";
import { words } from "./table.js";

/** @returns an array of the same kind */
export function pick<V extends Values>(values: V, indices: Int32Array): V {
  return picked(values, indices) as V;
}

function picked(values: Values, indices: Int32Array): Values {
  if (values instanceof BigInt64Array) return new BigInt64Array(pairsAt(words(values), indices).buffer);
  if (values instanceof Float32Array) return floatsAt(values, indices);
  if (values instanceof Int32Array) return int32At(values, indices);
  if (values instanceof BigUint64Array) return new BigUint64Array(pairsAt(words(values), indices).buffer);
  if (Array.isArray(values)) return Array.from(indices, i => values[i] as string);
  const from = values as Float64Array;
  const to = new (from.constructor as Float64ArrayConstructor)(indices.length);
  for (let i = 0; i < indices.length; i++) to[i] = from[indices[i]!]!;
  return to;
}

/** 64-bit values move as two words, never as BigInt. */
function pairsAt(from: Int32Array, indices: Int32Array): Int32Array<ArrayBuffer> {
  const to = new Int32Array(2 * indices.length);
  for (let i = 0; i < indices.length; i++) {
    const at = 2 * indices[i]!;
    to[2 * i] = from[at]!;
    to[2 * i + 1] = from[at + 1]!;
  }
  return to;
}

function floatsAt(from: Float32Array, indices: Int32Array): Float32Array {
  const to = new Float32Array(indices.length);
  for (let i = 0; i < indices.length; i++) to[i] = from[indices[i]!]!;
  return to;
}

function int32At(from: Int32Array, indices: Int32Array): Int32Array {
  const to = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) to[i] = from[indices[i]!]!;
  return to;
}

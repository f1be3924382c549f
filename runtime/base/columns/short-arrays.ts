/**
 * Typed arrays for the data of one request. Short ones are views of shared chunks, since an array with memory of its own takes several
 * times as long to allocate and to collect. All zero, as new ones are. A chunk lives as long as any of its views, and no part of it is used
 * twice. Data that outlives a request is copied first, and the `buffer` of such an array is never treated as its own.
 */
import { type DType, datatype, type Values } from "../../../triton-protos/datatype.js";

const CHUNK = 2 ** 16;
/** Bytes of the longest array that shares; beyond, its own memory costs little beside its values. */
const SHORT = 2 ** 12;

let chunk = new ArrayBuffer(CHUNK);
let used = 0;

/** Makes room in the chunk. @returns where */
function reserve(bytes: number): number {
  if (used + bytes > CHUNK) {
    chunk = new ArrayBuffer(CHUNK);
    used = 0;
  }
  const at = used;
  used = (at + bytes + 7) & ~7;
  return at;
}

export function int32s(length: number): Int32Array {
  if (length > SHORT / 4) return new Int32Array(length);
  const at = reserve(4 * length);
  return new Int32Array(chunk, at, length);
}

export function float32s(length: number): Float32Array {
  if (length > SHORT / 4) return new Float32Array(length);
  const at = reserve(4 * length);
  return new Float32Array(chunk, at, length);
}

export function float64s(length: number): Float64Array {
  if (length > SHORT / 8) return new Float64Array(length);
  const at = reserve(8 * length);
  return new Float64Array(chunk, at, length);
}

export function int64s(length: number): BigInt64Array {
  if (length > SHORT / 8) return new BigInt64Array(length);
  const at = reserve(8 * length);
  return new BigInt64Array(chunk, at, length);
}

/** An array of any dtype; strings are empty. */
export function shortArray(dtype: DType, length: number): Values {
  const { array, bytes } = datatype(dtype);
  if (!array) return new Array<string>(length).fill("");
  if (length * bytes > SHORT) return new array(length);
  const at = reserve(length * bytes);
  return new array(chunk, at, length);
}

/**
 * Integers of 64 bits as vectors. They are doubles as long as none is beyond 2^53, since loops over doubles are many times faster. A vector
 * with a larger one has 64-bit words.
 */
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { float64s } from "../../base/columns/short-arrays.js";
import { allocate, type Column, type Rows } from "../../base/columns/table.js";
import { words } from "../../base/columns/words.js";
import type { IntegerVector, NumberVector, SafeIntegers, WideIntegers } from "./vector-kinds.js";

/** Every integer up to here is a double, and a result that rounds to less was exact. */
export const SAFE = 2 ** 53 - 1;

export const isSafe = (vector: IntegerVector): vector is SafeIntegers => vector.values instanceof Float64Array;

/** Words as integers; nulls are missing. */
export function fromWords(values: BigInt64Array, validity: Uint8Array | undefined): IntegerVector {
  const pairs = words(values);
  const floats = float64s(values.length);
  // Every bit that a value has above its low word, of a negative one the bits that it lacks.
  let above = 0;
  for (let i = 0; i < floats.length; i++) {
    const high = pairs[2 * i + 1]!;
    above |= high ^ (high >> 31);
    floats[i] = high * 2 ** 32 + (pairs[2 * i]! >>> 0);
  }
  if (above >= 2 ** 21) return { type: "integer", values, validity };
  if (validity) for (let i = 0; i < floats.length; i++) if (validity[i] === 0) floats[i] = Number.NaN;
  return { type: "integer", values: floats, bound: (above + 1) * 2 ** 32 };
}

/** One integer, row after row. */
export function repeated(value: bigint, rows: number): IntegerVector {
  const float = Number(value);
  if (Math.abs(float) > SAFE) return { type: "integer", values: new BigInt64Array(rows).fill(value) };
  return { type: "integer", values: float64s(rows).fill(float), bound: Math.abs(float) };
}

/** How far the numbers go to either side of zero; NaN is skipped. */
export function largest(values: Float64Array): number {
  let low = 0;
  let high = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < low) low = value;
    else if (value > high) high = value;
  }
  return Math.max(-low, high);
}

/** The value of one row; undefined where missing. */
export function integerAt(vector: IntegerVector, row: number): bigint | undefined {
  if (!isSafe(vector)) return vector.validity?.[row] === 0 ? undefined : vector.values[row];
  const value = vector.values[row]!;
  return Number.isNaN(value) ? undefined : BigInt(value);
}

/** Integers of 64 bits, one per row, as a vector. */
export function fromIntegers(rows: number, value: (row: number) => number | bigint | undefined): IntegerVector {
  const floats = new Float64Array(rows);
  let bound = 0;
  for (let row = 0; row < rows; row++) {
    const found = value(row);
    const float = found === undefined ? Number.NaN : Number(found);
    if (Math.abs(float) > SAFE) return fromWide(floats.subarray(0, row), rows, value);
    if (Math.abs(float) > bound) bound = Math.abs(float);
    floats[row] = float;
  }
  return { type: "integer", values: floats, bound };
}

/** @param before values of the first rows, which are safe */
function fromWide(
  before: Float64Array,
  rows: number,
  value: (row: number) => number | bigint | undefined,
): WideIntegers {
  const values = new BigInt64Array(rows);
  const validity = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    const found = row < before.length ? before[row]! : value(row);
    if (found === undefined || Number.isNaN(Number(found))) continue;
    values[row] = BigInt(found);
    validity[row] = 1;
  }
  return { type: "integer", values, validity };
}

/** Numbers without their fraction; missing where they have more than 64 bits. */
export function toIntegers({ values: floats }: NumberVector): IntegerVector {
  const values = new Float64Array(floats.length);
  // Integers have one zero.
  for (let i = 0; i < values.length; i++) values[i] = Math.trunc(floats[i]!) + 0;
  const bound = largest(values);
  if (bound <= SAFE) return { type: "integer", values, bound };
  return fromIntegers(values.length, row => {
    const whole = values[row]!;
    return whole >= -(2 ** 63) && whole < 2 ** 63 ? BigInt(whole) : undefined;
  });
}

/** The nearest doubles, missing as NaN. */
export function widen(vector: IntegerVector): NumberVector {
  if (isSafe(vector)) return { type: "number", values: vector.values };
  const values = float64s(vector.values.length);
  const pairs = words(vector.values);
  // The only rounding is that of the sum.
  for (let i = 0; i < values.length; i++) values[i] = pairs[2 * i + 1]! * 2 ** 32 + (pairs[2 * i]! >>> 0);
  const { validity } = vector;
  if (validity) for (let i = 0; i < values.length; i++) if (validity[i] === 0) values[i] = Number.NaN;
  return { type: "number", values };
}

/** A value that does not fit the dtype is null. */
export function integerColumn(vector: WideIntegers, dtype: DType, rows: Rows): Column {
  const { kind, bytes } = datatype(dtype);
  const count = vector.values.length;
  if (kind === "float") {
    const { values } = widen(vector);
    return { dtype, rows, values: dtype === "float64" ? values : Float32Array.from(values) };
  }
  if (dtype === "int64") {
    const { validity } = vector;
    return { dtype, rows, values: vector.values, ...(validity?.includes(0) && { validity }) };
  }
  const values = allocate(dtype, count) as { [i: number]: number | bigint };
  const validity = new Uint8Array(count);
  const lowBits = kind === "uint" ? BigInt.asUintN : BigInt.asIntN;
  for (let i = 0; i < count; i++) {
    const value = integerAt(vector, i);
    if (value === undefined || lowBits(8 * bytes, value) !== value) continue;
    values[i] = bytes === 8 ? value : Number(value);
    validity[i] = 1;
  }
  const column = { dtype, rows, values: values as unknown as Column["values"] };
  return validity.includes(0) ? { ...column, validity } : column;
}

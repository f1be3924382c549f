/**
 * The operands of expressions: one value per row, as typed arrays, and their conversion from and to columns.
 */

import type { Value } from "../../../contract/expression-functions.js";
import { type FoundType, valueTypeOf } from "../../../contract/expression-type.js";
import { floatValues } from "../../../operators/shared/kernel/float-values.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { allocate, type Column, type Rows } from "../../base/columns/table.js";
import { internal } from "../../base/errors.js";
import { fromIntegers, fromWords, integerAt, integerColumn, isSafe } from "./integer-vector.js";
import type { IntegerVector, Vector } from "./vector-kinds.js";

export const MISSING = 2;

export function toVector(col: Column, what: string): Vector {
  if (col.offsets || col.width !== undefined) {
    const offsets = col.offsets ?? Int32Array.from({ length: col.rows.count + 1 }, (_, i) => i * col.width!);
    if (col.dtype === "string") return { type: "texts", offsets, items: texts(col) };
    return isIntegral(col.dtype)
      ? { type: "integers", offsets, items: integers(col, what) }
      : { type: "numbers", offsets, items: floatValues(col, what) };
  }
  if (col.dtype === "string") return { type: "text", values: texts(col) };
  if (isIntegral(col.dtype)) return integers(col, what);
  if (col.dtype !== "bool") return { type: "number", values: floatValues(col, what) };
  const flags = (col.values as Uint8Array).slice();
  const { validity } = col;
  if (validity) for (let i = 0; i < flags.length; i++) if (validity[i] === 0) flags[i] = MISSING;
  return { type: "flag", values: flags };
}

const isIntegral = (dtype: DType): boolean => valueTypeOf({ dtype }) === "integer";

function integers(col: Column, what: string): IntegerVector {
  const { values, validity } = col;
  if (values instanceof BigInt64Array) return fromWords(values, validity);
  return { type: "integer", values: floatValues(col, what), bound: 2 ** (8 * datatype(col.dtype).bytes) };
}

function texts({ values, validity }: Column): readonly (string | undefined)[] {
  const all = values as readonly string[];
  return validity ? all.map((text, i) => (validity[i] === 0 ? undefined : text)) : all;
}

/**
 * A vector as a column. Numbers become integers by dropping the fraction, as typed arrays do it; one that the dtype cannot hold is null.
 */
export function toColumn(vector: Vector, dtype: DType, rows: Rows): Column {
  if (vector.type === "number") return numberColumn(vector.values, dtype, rows);
  if (vector.type === "integer")
    return isSafe(vector) ? numberColumn(vector.values, dtype, rows) : integerColumn(vector, dtype, rows);
  if (vector.type === "flag") {
    const validity = vector.values.includes(MISSING) ? vector.values.map(v => (v === MISSING ? 0 : 1)) : undefined;
    const values = validity ? vector.values.map(v => (v === 1 ? 1 : 0)) : vector.values;
    return { dtype, rows, values, ...(validity && { validity }) };
  }
  if (vector.type !== "text") throw internal("an expression made a list.");
  const { values } = vector;
  const texts = values.map(v => (v === undefined ? "" : wellFormed(v)));
  if (!values.includes(undefined)) return { dtype, rows, values: texts };
  return { dtype, rows, values: texts, validity: Uint8Array.from(values, v => (v === undefined ? 0 : 1)) };
}

/** Half of a character, which a cut can leave over, has no UTF-8: it becomes U+FFFD here, as it would in a file. */
const wellFormed = (text: string): string =>
  /[\ud800-\udfff]/.test(text) ? Buffer.from(text, "utf8").toString("utf8") : text;

function numberColumn(numbers: Float64Array, dtype: DType, rows: Rows): Column {
  const { kind, bytes } = datatype(dtype);
  if (dtype === "float64") return { dtype, rows, values: numbers };
  if (kind === "float") return { dtype, rows, values: Float32Array.from(numbers) };
  const { low, end } = wholeRange(dtype);
  const values = allocate(dtype, numbers.length) as { [i: number]: number | bigint };
  const validity = new Uint8Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) {
    const whole = Math.trunc(numbers[i]!);
    if (!(whole >= low && whole < end)) continue;
    values[i] = bytes === 8 ? BigInt(whole) : whole;
    validity[i] = 1;
  }
  const column = { dtype, rows, values: values as unknown as Column["values"] };
  return validity.includes(0) ? { ...column, validity } : column;
}

/** The whole numbers of an integer dtype: from `low`, below `end`. */
export function wholeRange(dtype: DType): { readonly low: number; readonly end: number } {
  const { kind, bytes } = datatype(dtype);
  const bits = bytes * 8;
  return kind === "uint" ? { low: 0, end: 2 ** bits } : { low: -(2 ** (bits - 1)), end: 2 ** (bits - 1) };
}

/** The value of one row. */
export function valueAt(vector: Vector, row: number): Value {
  if (vector.type === "number") return known(vector.values[row]!);
  if (vector.type === "integer") return integerAt(vector, row);
  if (vector.type === "text") return vector.values[row];
  if (vector.type === "flag") {
    const flag = vector.values[row]!;
    return flag === MISSING ? undefined : flag === 1;
  }
  if (vector.missing?.[row]) return undefined;
  const [start, end] = [vector.offsets[row]!, vector.offsets[row + 1]!];
  const { items } = vector;
  if (items instanceof Float64Array) return Array.from(items.subarray(start, end), known);
  if ("type" in items) return Array.from({ length: end - start }, (_, i) => integerAt(items, start + i));
  return items.slice(start, end);
}

const known = (x: number): number | undefined => (Number.isNaN(x) ? undefined : x);

/** Values, one per row, as a vector. */
export function fromValues(type: FoundType, rows: number, value: (row: number) => Value): Vector {
  if (type === "flag") {
    const values = new Uint8Array(rows);
    for (let i = 0; i < rows; i++) {
      const flag = value(i);
      values[i] = flag === undefined ? MISSING : flag ? 1 : 0;
    }
    return { type, values };
  }
  if (type === "text") {
    const values = new Array<string | undefined>(rows);
    for (let i = 0; i < rows; i++) values[i] = value(i) as string | undefined;
    return { type, values };
  }
  if (type === "number" || type === "missing") {
    const values = new Float64Array(rows);
    for (let i = 0; i < rows; i++) values[i] = (value(i) as number | undefined) ?? Number.NaN;
    return { type: "number", values };
  }
  if (type === "integer") return fromIntegers(rows, row => value(row) as number | bigint | undefined);
  const found = Array.from(
    { length: rows },
    (_, i) => value(i) as readonly (number | bigint | string | undefined)[] | undefined,
  );
  const missing = found.includes(undefined) && { missing: Uint8Array.from(found, list => (list ? 0 : 1)) };
  const lists = found.map(list => list ?? []);
  const offsets = new Int32Array(rows + 1);
  lists.forEach((list, i) => {
    offsets[i + 1] = offsets[i]! + list.length;
  });
  const items = lists.flat();
  if (type === "integers") {
    const all = fromIntegers(items.length, i => items[i] as number | bigint | undefined);
    return { type, offsets, items: all, ...missing };
  }
  return type === "texts"
    ? { type, offsets, items: items as (string | undefined)[], ...missing }
    : { type, offsets, items: Float64Array.from(items, x => (x as number | undefined) ?? Number.NaN), ...missing };
}

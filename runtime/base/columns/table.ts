/**
 * Columns over typed arrays: what kernels read and write. Columns share buffers with requests and with each other:
 * a kernel never writes into its input.
 */
import { type DType, datatype, type Values } from "../../../triton-protos/datatype.js";
import { float32s, int32s, int64s, shortArray } from "./short-arrays.js";
import { words } from "./words.js";

/**
 * A set of rows. A request's rows are a root; candidates of each user are a child whose `offsets` say which run of rows
 * belongs to which parent row. Two columns have the same rows when they hold the same object.
 */
export interface Rows {
  readonly count: number;
  readonly parent?: Rows;
  /** Int32, `parent.count + 1` entries, starts at 0, ends at `count`. Present when `parent` is. */
  readonly offsets?: Int32Array;
  /** The parent's rows are a table's, and these are the remaining ones: they belong together, and not to single rows of the parent. */
  readonly left?: true;
}

/** The rows that all of these are grouped by, in the end. */
export const rootOf = (rows: Rows): Rows => (rows.parent ? rootOf(rows.parent) : rows);
export const rootRows = (count: number): Rows => ({ count });
export const childRows = (parent: Rows, offsets: Int32Array): Rows => ({
  count: offsets[parent.count]!,
  parent,
  offsets,
});

export type { Values };

/**
 * One column. Scalars: `values[i]` is row i. Lists: row i is `values[offsets[i]] … values[offsets[i + 1] - 1]`, or, for a
 * fixed length, `values[i * width] …`. Hot loops read int64 through an Int32Array over the same buffer, never as BigInt.
 */
export interface Column {
  readonly dtype: DType;
  readonly rows: Rows;
  readonly values: Values;
  /** Ragged list: Int32, `rows.count + 1` entries. */
  readonly offsets?: Int32Array;
  /** Fixed-length list: values per row. */
  readonly width?: number;
  /** One byte per value, 1 = present, 0 = null. Absent: nothing is null. Float NaN counts as null too. */
  readonly validity?: Uint8Array;
  /** Ragged list: one byte per row, 0 = the list is null, and has no values. Absent: no list is. */
  readonly listValidity?: Uint8Array;
}

/** Allocates values of a dtype. */
export function allocate(dtype: DType, length: number): Values {
  const { array } = datatype(dtype);
  return array ? new array(length) : new Array<string>(length).fill("");
}

/** int32 values, none of them negative, as int64. */
export function widened(values: Int32Array): BigInt64Array {
  const wide = int64s(values.length);
  const pairs = words(wide);
  for (let i = 0; i < values.length; i++) pairs[2 * i] = values[i]!;
  return wide;
}

/**
 * Picks rows: row i of the result is row `indices[i]` of the input. O(values).
 */
export function gather(col: Column, indices: Int32Array, rows: Rows): Column {
  const { dtype } = col;
  if (!col.offsets && (col.width ?? 1) === 1) {
    const values = pick(col.values, indices);
    if (!col.validity && col.width === undefined) return { dtype, rows, values };
    const validity = col.validity && pick(col.validity, indices);
    return { dtype, rows, values, ...(col.width !== undefined && { width: 1 }), ...(validity && { validity }) };
  }
  const runs = col.offsets ? raggedRuns(col.offsets, indices) : fixedRuns(col.width!, indices);
  const total = runs.offsets[indices.length]!;
  const values = copyRuns(col.values, runs, shortArray(dtype, total));
  const validity = col.validity && copyRuns(col.validity, runs, new Uint8Array(total));
  const shape = col.offsets ? { offsets: runs.offsets } : { width: col.width! };
  const listValidity = col.listValidity && pick(col.listValidity, indices);
  return {
    ...{ dtype, rows, values, ...shape },
    ...(validity && { validity: validity as Uint8Array }),
    ...(listValidity && { listValidity }),
  };
}

/** The source and target offset of each picked row. */
interface Runs {
  readonly starts: Int32Array;
  readonly offsets: Int32Array;
}

function raggedRuns(source: Int32Array, indices: Int32Array): Runs {
  const offsets = int32s(indices.length + 1);
  const starts = int32s(indices.length);
  for (let i = 0; i < indices.length; i++) {
    starts[i] = source[indices[i]!]!;
    offsets[i + 1] = offsets[i]! + source[indices[i]! + 1]! - starts[i]!;
  }
  return { starts, offsets };
}

const fixedRuns = (width: number, indices: Int32Array): Runs => ({
  starts: indices.map(i => i * width),
  offsets: Int32Array.from({ length: indices.length + 1 }, (_, i) => i * width),
});

function copyRuns(from: Values, { starts, offsets }: Runs, to: Values): Values {
  for (let i = 0; i < starts.length; i++) {
    const at = offsets[i]!;
    const length = offsets[i + 1]! - at;
    if (Array.isArray(from)) for (let j = 0; j < length; j++) (to as string[])[at + j] = from[starts[i]! + j] as string;
    else (to as Float64Array).set((from as Float64Array).subarray(starts[i]!, starts[i]! + length), at);
  }
  return to;
}

/**
 * Values and indices → the values at those indices. One loop for each common kind of array: a loop that has met many kinds is several times slower.
 * @returns an array of the same kind
 */
function pick<V extends Values>(values: V, indices: Int32Array): V {
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

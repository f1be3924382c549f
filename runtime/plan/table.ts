/**
 * Columns over typed arrays: what kernels read and write. Columns share buffers with requests and with each other:
 * a kernel never writes into its input.
 */
import { type DType, datatype } from "../../triton-protos/datatype.js";

/**
 * A set of rows. A request's rows are a root; candidates of each user are a child whose `offsets` say which run of rows
 * belongs to which parent row. Two columns have the same rows when they hold the same object.
 */
export interface Rows {
  readonly count: number;
  readonly parent?: Rows;
  /** Int32, `parent.count + 1` entries, starts at 0, ends at `count`. Present when `parent` is. */
  readonly offsets?: Int32Array;
}

export const rootRows = (count: number): Rows => ({ count });
export const childRows = (parent: Rows, offsets: Int32Array): Rows => ({ count: offsets[parent.count]!, parent, offsets });

export type Values =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[];

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
}

/** Allocates values of a dtype. */
export function allocate(dtype: DType, length: number): Values {
  const { array } = datatype(dtype);
  return array ? new array(length) : new Array<string>(length).fill("");
}

/** Number of values: rows for a scalar, all list items for a list. */
export const valueCount = (col: Column): number => col.values.length;

/** The 32-bit halves of an int64 or uint64 column: `[2 i]` is the low word, `[2 i + 1]` the high one. */
export const words = (values: BigInt64Array | BigUint64Array): Int32Array =>
  new Int32Array(values.buffer, values.byteOffset, values.length * 2);

/** The same values for other rows of equal count: how a workflow's answer comes back to the rows that asked. */
export const withRows = (col: Column, rows: Rows): Column => ({ ...col, rows });

/**
 * Picks rows: row i of the result is row `indices[i]` of the input. O(values).
 */
export function gather(col: Column, indices: Int32Array, rows: Rows): Column {
  const n = indices.length;
  if (!col.offsets) {
    const width = col.width ?? 1;
    const values = allocate(col.dtype, n * width);
    copyRuns(values, col.values, i => [indices[i]! * width, width], n);
    const validity = col.validity && new Uint8Array(n * width);
    if (validity) copyRuns(validity, col.validity!, i => [indices[i]! * width, width], n);
    return { dtype: col.dtype, rows, values, ...(col.width !== undefined && { width: col.width }), ...(validity && { validity }) };
  }
  const source = col.offsets;
  const offsets = new Int32Array(n + 1);
  for (let i = 0; i < n; i++) offsets[i + 1] = offsets[i]! + source[indices[i]! + 1]! - source[indices[i]!]!;
  const run = (i: number): [number, number] => [source[indices[i]!]!, offsets[i + 1]! - offsets[i]!];
  const values = allocate(col.dtype, offsets[n]!);
  copyRuns(values, col.values, run, n);
  const validity = col.validity && new Uint8Array(offsets[n]!);
  if (validity) copyRuns(validity, col.validity!, run, n);
  return { dtype: col.dtype, rows, values, offsets, ...(validity && { validity }) };
}

function copyRuns(to: Values, from: Values, run: (i: number) => [number, number], n: number): void {
  const target = to as { [k: number]: unknown };
  let at = 0;
  for (let i = 0; i < n; i++) {
    const [start, length] = run(i);
    for (let j = 0; j < length; j++) target[at++] = from[start + j];
  }
}

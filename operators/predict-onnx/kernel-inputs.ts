/** Tensors that a model takes and no single column is: several columns as one matrix, a constant, ragged lists as a rectangle. */

import { castValues } from "../../runtime/base/columns/cast.js";
import { allocate, type Column, type Values } from "../../runtime/base/columns/table.js";
import { invalid, RuntimeFault } from "../../runtime/base/errors.js";
import type { TypedTensor } from "../../runtime/base/tensor.js";
import type { TensorDescription } from "../../runtime/engine/schedule/kernel.js";
import type { DType } from "../../triton-protos/datatype.js";
import { toHalves } from "../../triton-protos/float16.js";

/** The tensor of an input. */
export const tensorOf = (
  { name }: TensorDescription,
  dtype: DType,
  shape: readonly number[],
  values: Values,
): TypedTensor => ({ name, dtype, shape, values });

/** Numbers side by side: row i of the tensor is row i of every column. A null float is NaN; another null is a fault. */
export function stackColumns(
  input: TensorDescription,
  dtype: DType,
  columns: readonly Column[],
  names: readonly string[],
): TypedTensor {
  const { count } = columns[0]!.rows;
  const width = columns.reduce((sum, col) => sum + (col.width ?? 1), 0);
  const matrix = allocate(dtype, count * width) as { [i: number]: unknown };
  let first = 0;
  columns.forEach((col, c) => {
    const what = `column \`${names[c]}\``;
    refuseNulls(col, what);
    const values = castValues(col.values, col.dtype, dtype, what);
    const own = col.width ?? 1;
    for (let row = 0; row < count; row++)
      for (let i = 0; i < own; i++) matrix[row * width + first + i] = values[row * own + i];
    first += own;
  });
  return tensorOf(input, dtype, [count, ...(input.shape.length > 2 ? input.shape.slice(1) : [width])], matrix as never);
}

/** One value for every row, or for the tensor where its first dimension is fixed. */
export function constantTensor(
  input: TensorDescription,
  dtype: DType,
  value: number | string | boolean,
  rows: number,
): TypedTensor {
  const full = input.shape.map((dim, i) => (dim === -1 ? (i === 0 ? rows : 1) : dim));
  const values = allocate(
    dtype,
    full.reduce((a, b) => a * b, 1),
  );
  (values as unknown[]).fill(typeof value === "string" ? value : cellOf(dtype, Number(value)));
  return tensorOf(input, dtype, full, values);
}

export interface Padding {
  readonly value: number;
  readonly side: "left" | "right";
}

/** Lists as rows of a rectangle; `length` items a row, or as many as the longest list has. */
export function padLists(
  input: TensorDescription,
  dtype: DType,
  col: Column,
  { value, side }: Padding,
  what: string,
): TypedTensor {
  const { offsets, rows } = col;
  if (!offsets) throw invalid(`${what} holds no lists of any length to pad.`);
  let length = input.shape[1] ?? -1;
  if (length === -1) {
    length = 1;
    for (let row = 0; row < rows.count; row++) length = Math.max(length, offsets[row + 1]! - offsets[row]!);
  }
  refuseNulls(col, what);
  const values = castValues(col.values, col.dtype, dtype, what);
  const made = allocate(dtype, rows.count * length);
  (made as unknown[]).fill(cellOf(dtype, value));
  for (let row = 0; row < rows.count; row++) {
    const size = offsets[row + 1]! - offsets[row]!;
    const kept = Math.min(size, length);
    // On the left the latest items stay, on the right the first.
    const from = side === "left" ? offsets[row + 1]! - kept : offsets[row]!;
    const to = row * length + (side === "left" ? length - kept : 0);
    for (let i = 0; i < kept; i++) (made as unknown[])[to + i] = values[from + i];
  }
  return tensorOf(input, dtype, [rows.count, length], made);
}

/** A number as an array of that dtype holds it. */
const cellOf = (dtype: DType, value: number): number | bigint =>
  dtype === "float16" ? toHalves([value])[0]! : dtype === "int64" || dtype === "uint64" ? BigInt(value) : value;

/** An integer or string null has no form in a tensor; a float null is NaN, which the graph may know how to take. */
export function refuseNulls({ validity, width, offsets }: Column, what: string): void {
  if (!validity) return;
  const at = validity.indexOf(0);
  const row = offsets ? offsets.findIndex(end => end > at) - 1 : Math.floor(at / (width ?? 1));
  if (at >= 0)
    throw invalid(`${what} is null at row ${row}. Fill nulls before the model, with \`fillMissing\` or \`onMissing\`.`);
}

/** ONNX Runtime's own words of `Gather` and its like. */
const BEYOND = /idx=(-?\d+) must be within the inclusive range \[(-?\d+),(-?\d+)\]/;

/** A tensor of a model, and the column that it was made of. */
export interface NamedTensor {
  readonly tensor: TypedTensor;
  readonly column: string | undefined;
}

/**
 * A look-up beyond the end of a table in a model's graph → the column, the row and the value that it was.
 * The fault with the culprit's name, where it is one of a table and a column of integers holds the number; else as it is. Rows count from 0 within
 * the request of the model.
 */
export function nameLookUp(error: unknown, model: string, inputs: readonly NamedTensor[]): unknown {
  if (!(error instanceof RuntimeFault)) return error;
  const [, id, , last] = BEYOND.exec(error.message) ?? [];
  if (id === undefined || last === undefined) return error;
  for (const { tensor, column } of inputs) {
    const row = column === undefined ? -1 : rowOf(tensor, BigInt(id));
    if (row < 0) continue;
    return new RuntimeFault(
      error.code,
      `${error.message}. Column \`${column}\` has ${id} in row ${row}, and a table of model \`${model}\` ends at ${last}: the model was trained on another fit. Train it on the one that is served, or serve the fit that it was trained on.`,
      { cause: error },
    );
  }
  return error;
}

/** The row that holds a number; −1 where none does. Lists lie end to end, so that a place in them is all that is known. */
function rowOf({ values, shape, dtype }: TypedTensor, id: bigint): number {
  if (!/^u?int/.test(dtype) || Array.isArray(values)) return -1;
  const wanted = values instanceof BigInt64Array || values instanceof BigUint64Array ? id : Number(id);
  const at = (values as unknown as readonly unknown[]).indexOf(wanted);
  return at < 0 ? -1 : Math.floor(at / Math.max(1, values.length / Math.max(1, shape[0] ?? 1)));
}

/**
 * A request's tensors → the columns a plan reads, all on the request's rows. With a batch dimension scalars are `[rows, 1]` and vectors
 * `[rows, n]`; without one scalars are `[rows]` and lists come as the pair `c__values`, `c__offsets`.
 */

import { type ColumnSchema, isRagged, printType, type Schema } from "../../../contract/schema.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { type Column, type Rows, rootRows } from "../../base/columns/table.js";
import { tensorValues } from "../../base/columns/tensor-values.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";

/** @throws RuntimeFault naming the column whose tensor does not fit */
export function requestColumns(schema: Schema, tensors: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Column> {
  const find = finder(tensors);
  let rows: Rows | undefined;
  let first = "";
  const sameRows = (count: number, name: string): Rows => {
    rows ??= rootRows(count);
    first ||= name;
    if (rows.count === count) return rows;
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `input '${name}' has ${count} rows and '${first}' has ${rows.count}: all inputs of a request are of the same rows`,
    );
  };
  return new Map(
    schema.map(col => [col.name, isRagged(col) ? ragged(col, find, sameRows) : dense(col, find, sameRows)]),
  );
}

/** A tensor by name. @throws RuntimeFault when it is missing or of another dtype */
export type Find = (name: string, dtype: DType) => Tensor;
/** The rows that `count` rows of a tensor are. @throws RuntimeFault when there are others already */
export type SameRows = (count: number, name: string) => Rows;

export const finder =
  (tensors: ReadonlyMap<string, Tensor>): Find =>
  (name, dtype) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new RuntimeFault("INVALID_ARGUMENT", `expected input '${name}' and it is not in the request`);
    if (tensor.datatype !== datatype(dtype).wire)
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `input '${name}' is ${tensor.datatype} and the plan reads ${datatype(dtype).wire}`,
      );
    return tensor;
  };

/** @param name of the tensor */
export function dense(col: ColumnSchema, find: Find, sameRows: SameRows, name = col.name): Column {
  const tensor = find(name, col.dtype);
  const values = tensorValues(tensor, col.dtype);
  const width = col.list?.min;
  const [count = 0, ...dims] = tensor.shape;
  if (values.length !== count * (width ?? 1) || dims.length > 1)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `input '${name}' has the shape [${tensor.shape.join(",")}] and the plan reads ${printType(col)} a row`,
    );
  return { dtype: col.dtype, rows: sameRows(count, name), values, ...(width !== undefined && { width }) };
}

export function ragged({ name, dtype }: ColumnSchema, find: Find, sameRows: SameRows): Column {
  const values = tensorValues(find(`${name}__values`, dtype), dtype);
  const offsets = tensorValues(find(`${name}__offsets`, "int32"), "int32") as Int32Array;
  checkOffsets(`${name}__offsets`, offsets, `'${name}__values' has ${values.length} values`, values.length);
  return { dtype, rows: sameRows(offsets.length - 1, `${name}__offsets`), values, offsets };
}

/**
 * @param ends what the last offset counts, in words: "'c__values' has 7 values"
 * @throws RuntimeFault when these offsets would read beyond their values
 */
export function checkOffsets(name: string, offsets: Int32Array, ends: string, count: number): void {
  const fault = (what: string) =>
    new RuntimeFault(
      "INVALID_ARGUMENT",
      `input '${name}' ${what}; offsets start at 0, never fall, and end at the number of values`,
    );
  if (offsets.length === 0) throw fault("is empty");
  if (offsets[0] !== 0) throw fault(`starts at ${offsets[0]}`);
  for (let i = 1; i < offsets.length; i++)
    if (offsets[i]! < offsets[i - 1]!) throw fault(`falls from ${offsets[i - 1]} to ${offsets[i]} at place ${i}`);
  const last = offsets[offsets.length - 1]!;
  if (last !== count) throw fault(`ends at ${last} and ${ends}`);
}

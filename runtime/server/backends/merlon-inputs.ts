/**
 * A request's tensors → the columns a plan reads, all on the request's rows. With a batch dimension scalars are `[rows, 1]` and vectors
 * `[rows, n]`; without one scalars are `[rows]` and lists are the pair `c__values`, `c__offsets`. Nulls are 0, `""` or NaN. Beside a column
 * `c__validity` may mark the null values; without it a float NaN is null.
 */

import type { AnswerForm } from "../../../contract/answer-form.js";
import { type ColumnTensor, entryColumn, type Part } from "../../../contract/column-tensors.js";
import { type ColumnSchema, hasNullLists, printType, type Schema } from "../../../contract/schema.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { type Column, type Rows, rootRows } from "../../base/columns/table.js";
import { tensorValues } from "../../base/columns/tensor-values.js";
import { invalid } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";

type Tensors = ReadonlyMap<string, Tensor>;
/** The rows that `count` rows of a tensor are. @throws RuntimeFault when there are others already */
export type SameRows = (count: number, name: string) => Rows;
/** Reads one column of each request. @throws RuntimeFault naming the tensor that does not fit */
export type ColumnReader = (tensors: Tensors, sameRows: SameRows) => Column;

/**
 * @param nullable columns that a request may mark nulls of
 * @returns reads the columns of a request; throws a RuntimeFault naming the column whose tensor does not fit
 */
export function requestReader(
  schema: Schema,
  form: AnswerForm,
  nullable: ReadonlySet<string> = new Set(),
): (tensors: Tensors) => ReadonlyMap<string, Column> {
  const readers = schema.map(
    col => [col.name, columnReader(col, entryColumn(col, form, nullable.has(col.name)), "optional")] as const,
  );
  return tensors => {
    let rows: Rows | undefined;
    let first = "";
    const sameRows = (count: number, name: string): Rows => {
      rows ??= rootRows(count);
      first ||= name;
      if (rows.count === count) return rows;
      throw invalid(
        `input '${name}' has ${count} rows and '${first}' has ${rows.count}: all inputs of a request are of the same rows`,
      );
    };
    return new Map(readers.map(([name, read]) => [name, read(tensors, sameRows)]));
  };
}

/** @param tensors of the column, as the contract lists them @param marks whether each request has its validity tensor, where it is listed */
export function columnReader(
  col: ColumnSchema,
  tensors: readonly ColumnTensor[],
  marks: "needed" | "optional",
): ColumnReader {
  const nameOf = (part: Part) => tensors.find(one => one.part === part)?.name;
  const offsets = nameOf("offsets");
  const validity = nameOf("validity");
  const values = nameOf("values")!;
  const read = offsets === undefined ? dense(col, values) : ragged(col, values, offsets);
  if (validity === undefined) return read;
  return (given, sameRows) => {
    const made = read(given, sameRows);
    if (marks === "optional" && !given.has(validity)) return made;
    return withNulls(col, made, findTensor(given, validity, "bool"));
  };
}

/** @throws RuntimeFault when the tensor is missing or of another dtype */
export function findTensor(tensors: Tensors, name: string, dtype: DType): Tensor {
  const tensor = tensors.get(name);
  if (!tensor) throw invalid(`expected input '${name}' and it is not in the request`);
  if (tensor.datatype !== datatype(dtype).wire)
    throw invalid(`input '${name}' is ${tensor.datatype} and the plan reads ${datatype(dtype).wire}`);
  return tensor;
}

function dense(col: ColumnSchema, name: string): ColumnReader {
  const { dtype } = col;
  const width = col.list?.min;
  return (tensors, sameRows) => {
    const tensor = findTensor(tensors, name, dtype);
    const values = tensorValues(tensor, dtype);
    const [count = 0, ...dims] = tensor.shape;
    if (values.length !== count * (width ?? 1) || dims.length > 1)
      throw invalid(
        `input '${name}' has the shape [${tensor.shape.join(",")}] and the plan reads ${printType(col)} a row`,
      );
    return { dtype, rows: sameRows(count, name), values, ...(width !== undefined && { width }) };
  };
}

const ragged =
  ({ dtype }: ColumnSchema, valuesName: string, offsetsName: string): ColumnReader =>
  (tensors, sameRows) => {
    const values = tensorValues(findTensor(tensors, valuesName, dtype), dtype);
    const offsets = tensorValues(findTensor(tensors, offsetsName, "int32"), "int32") as Int32Array;
    checkOffsets(offsetsName, offsets, `'${valuesName}' has ${values.length} values`, values.length);
    return { dtype, rows: sameRows(offsets.length - 1, offsetsName), values, offsets };
  };

function withNulls(schema: ColumnSchema, col: Column, tensor: Tensor): Column {
  const validity = tensorValues(tensor, "bool") as Uint8Array;
  const ofLists = hasNullLists(schema);
  const [count, what] = ofLists ? [col.rows.count, "list"] : [col.values.length, "value"];
  if (validity.length !== count)
    throw invalid(
      `input '${tensor.name}' has ${validity.length} entries and column '${schema.name}' has ${count} ${what}s: it needs one a ${what}`,
    );
  if (!validity.includes(0)) return col;
  return ofLists ? { ...col, listValidity: validity } : { ...col, validity };
}

/**
 * @param ends what the last offset counts, in words: "'c__values' has 7 values"
 * @throws RuntimeFault when these offsets would read beyond their values
 */
export function checkOffsets(name: string, offsets: Int32Array, ends: string, count: number): void {
  const fault = (what: string) =>
    invalid(`input '${name}' ${what}; offsets start at 0, never fall, and end at the number of values`);
  if (offsets.length === 0) throw fault("is empty");
  if (offsets[0] !== 0) throw fault(`starts at ${offsets[0]}`);
  for (let i = 1; i < offsets.length; i++)
    if (offsets[i]! < offsets[i - 1]!) throw fault(`falls from ${offsets[i - 1]} to ${offsets[i]} at place ${i}`);
  const last = offsets[offsets.length - 1]!;
  if (last !== count) throw fault(`ends at ${last} and ${ends}`);
}

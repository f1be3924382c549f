/**
 * A plan's answer columns → tensors, in one of the forms. If candidates are one matrix, rows made for a request row are padded on the right
 * to the longest row. The padding is -1 for signed integers, 0 for unsigned ones and bools, NaN for floats, `""` for strings.
 * `NAME__validity` (BOOL) marks nulls in the shape of the values, or null lists by one value each.
 */
import { type AnswerForm, isPadded } from "../../../contract/answer-form.js";
import { offsetsName, validityName, valuesName } from "../../../contract/column-tensors.js";
import { type ColumnSchema, hasNullLists, isRagged, type Schema } from "../../../contract/schema.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { castValues } from "../../base/columns/cast.js";
import { runsOf } from "../../base/columns/row-map.js";
import { allocate, type Column, type Rows, type Values } from "../../base/columns/table.js";
import { valuesTensor } from "../../base/columns/tensor-values.js";
import { internal } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";

/** @param request the request's rows */
export function answerTensors(schema: ColumnSchema, col: Column, request: Rows, form: AnswerForm): Tensor[] {
  const { name, dtype } = schema;
  const values = castValues(col.values, col.dtype, dtype, `output \`${name}\``);
  const own = col.rows === request || form === "rows";
  if (!own && isPadded(schema, form)) return [padded(name, dtype, values, runs(col.rows, request, name))];
  if (isRagged(schema)) return pair(name, dtype, values, col.offsets!);
  if (!own) return pair(name, dtype, values, scale(runs(col.rows, request, name), col.width ?? 1));
  const width = schema.list?.min ?? (form === "batched" ? 1 : undefined);
  const { count } = col.rows;
  return [valuesTensor(name, dtype, width === undefined ? [count] : [count, width], values)];
}

/**
 * Validity tensors of the outputs that request them. If candidates are padded to the longest row, padding is not a value either.
 */
export function nullTensors(
  outputs: Schema,
  columns: ReadonlyMap<string, Column>,
  request: Rows,
  form: AnswerForm,
  asked: ReadonlySet<string>,
): readonly Tensor[] {
  return outputs.flatMap(schema => {
    const name = validityName(schema.name);
    if (!asked.has(name)) return [];
    const col = columns.get(schema.name)!;
    if (hasNullLists(schema)) return [listMarks(name, col)];
    const { validity: _, ...known } = { ...col, dtype: "bool" as const, values: validityOf(col) };
    const [marks] = answerTensors({ ...schema, dtype: "bool" }, known, request, form);
    return [{ ...marks!, name }];
  });
}

/** One mark for each list. */
export function listMarks(name: string, { listValidity, rows }: Column): Tensor {
  return valuesTensor(name, "bool", [rows.count], listValidity ?? new Uint8Array(rows.count).fill(1));
}

function validityOf({ values, validity }: Column): Uint8Array {
  const known = validity ? Uint8Array.from(validity) : new Uint8Array(values.length).fill(1);
  if (values instanceof Float32Array || values instanceof Float64Array)
    for (let i = 0; i < known.length; i++) if (Number.isNaN(values[i])) known[i] = 0;
  return known;
}

function runs(rows: Rows, request: Rows, name: string): Int32Array {
  const offsets = runsOf(rows, request);
  if (!offsets) throw internal(`the rows of output \`${name}\` were not made from the request's`);
  return offsets;
}

const scale = (offsets: Int32Array, width: number): Int32Array =>
  width === 1 ? offsets : offsets.map(at => at * width);

const pair = (name: string, dtype: DType, values: Values, offsets: Int32Array): Tensor[] => [
  valuesTensor(valuesName(name), dtype, [values.length], values),
  valuesTensor(offsetsName(name), "int32", [offsets.length], offsets),
];

function padded(name: string, dtype: DType, values: Values, offsets: Int32Array): Tensor {
  const count = offsets.length - 1;
  let longest = 0;
  for (let i = 0; i < count; i++) longest = Math.max(longest, offsets[i + 1]! - offsets[i]!);
  if (values.length === count * longest) return valuesTensor(name, dtype, [count, longest], values);
  const cells = allocate(dtype, count * longest);
  if (Array.isArray(cells))
    for (let i = 0; i < count; i++)
      for (let j = offsets[i]!; j < offsets[i + 1]!; j++) cells[i * longest + j - offsets[i]!] = values[j];
  else {
    pad(cells as Float64Array, dtype);
    for (let i = 0; i < count; i++)
      (cells as Float64Array).set((values as Float64Array).subarray(offsets[i], offsets[i + 1]), i * longest);
  }
  return valuesTensor(name, dtype, [count, longest], cells);
}

/** Not-a-number of the two half floats, which are written as bits. */
const HALF_NAN: Partial<Record<DType, number>> = { float16: 0x7e00, bfloat16: 0x7fc0 };

function pad(cells: Float64Array | BigInt64Array, dtype: DType): void {
  const { kind } = datatype(dtype);
  if (cells instanceof BigInt64Array) cells.fill(-1n);
  else if (kind === "int") cells.fill(-1);
  else if (kind === "float") cells.fill(HALF_NAN[dtype] ?? Number.NaN);
}

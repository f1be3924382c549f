/**
 * Columns of a graph → the tensors that an ensemble answers, as the executor's entry writes them. Candidates in one matrix are padded on
 * the right: −1 for signed integers, 0 for unsigned ones and bools, NaN for floats, `""` for texts.
 */
import { type AnswerForm, isPadded } from "../../../contract/answer-form.js";
import { entryColumn, type Part } from "../../../contract/column-tensors.js";
import { type ColumnSchema, hasNullLists, isRagged, REQUEST_ROWS } from "../../../contract/schema.js";
import { isFloat, items, type LoweredColumn, takenRows } from "../../../operators/shared/onnx/lowered-column.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import {
  and,
  cast,
  concat,
  expand,
  flat,
  gatherElements,
  hideWidth,
  int64,
  mul,
  range,
  reduce,
  reshape,
  scalar,
  slice,
  sub,
  topK,
  unsqueeze,
  where,
} from "../../onnx/elementary.js";
import type { GraphBuilder, Value } from "../../onnx/graph-builder.js";
import { compress, flatItems, type ListPair, offsetsOf } from "./list-pair.js";

/**
 * Declares the outputs of one column.
 * @param count int64[1]: rows of the request
 * @param nullable whether `NAME__validity` says which values are null
 */
export function answer(
  g: GraphBuilder,
  schema: ColumnSchema,
  col: LoweredColumn,
  form: AnswerForm,
  count: Value,
  nullable = false,
): void {
  const tensors = entryColumn(schema, form, nullable);
  const write = (part: Part, { value, dims }: Shaped): void =>
    g.output(tensors.find(one => one.part === part)!.name, value, dims);
  const { values, offsets } = shaped(g, schema, known(g, col), col, form, count);
  write("values", values);
  if (offsets) write("offsets", offsets);
  if (!nullable) return;
  if (hasNullLists(schema)) {
    const lists = col.listValid ?? expand(g, scalar(g, "bool", true), col.rows.count);
    const flags = takenRows(g, col.rows);
    write("validity", { value: flags ? compress(g, lists, flags) : lists, dims: [`${schema.name} lists`] });
    return;
  }
  const marks = col.valid ?? expand(g, scalar(g, "bool", true), g.op("Shape", [col.values], "int64"));
  write("validity", shaped(g, { ...schema, dtype: "bool" }, marks, { ...col, dtype: "bool" }, form, count).values);
}

interface Shaped {
  readonly value: Value;
  readonly dims: readonly (string | number)[];
}

/** Values in the form of the answer, and the offsets of a pair. */
function shaped(
  g: GraphBuilder,
  schema: ColumnSchema,
  values: Value,
  col: LoweredColumn,
  form: AnswerForm,
  count: Value,
): { readonly values: Shaped; readonly offsets?: Shaped } {
  const { name, list, dtype } = schema;
  const own = form === "rows" || col.rows.id === REQUEST_ROWS;
  if (!own && isPadded(schema, form)) {
    const { cells, taken } = packed(g, values, col, count);
    return { values: { value: fitted(g, cells, taken, dtype, col.dtype), dims: ["batch", "places"] } };
  }
  if (isRagged(schema) || !own) {
    const made = isRagged(schema) ? raggedPair(g, values, col) : candidatePair(g, values, col, count);
    return {
      values: { value: outward(g, made.values, col.dtype, dtype), dims: [`${name} values`] },
      offsets: { value: cast(g, made.offsets, "int32"), dims: [`${name} offsets`] },
    };
  }
  const value = outward(g, values, col.dtype, dtype);
  if (list) return { values: { value, dims: ["batch", list.min] } };
  if (form === "batched") return { values: { value: unsqueeze(g, value, 1), dims: ["batch", 1] } };
  return { values: { value, dims: ["batch"] } };
}

/** Nulls that are not floats are returned as 0, false or ""; `NAME__validity` marks them. */
function known(g: GraphBuilder, { values, valid }: LoweredColumn): Value {
  return valid ? where(g, valid, values, scalar(g, values.dtype, values.dtype === "string" ? "" : 0)) : values;
}

const outward = (g: GraphBuilder, values: Value, from: DType, to: DType): Value =>
  cast(g, from === "uint64" && to !== "uint64" ? cast(g, values, "uint64") : values, to);

/** [request rows, places]: the taken ones first, in their order. */
function packed(
  g: GraphBuilder,
  values: Value,
  { rows }: LoweredColumn,
  count: Value,
): { cells: Value; taken: Value | undefined } {
  const to = concat(g, [count, int64(g, -1)]);
  const matrix = reshape(g, values, to);
  const flags = takenRows(g, rows);
  if (!flags) return { cells: matrix, taken: undefined };
  const taken = reshape(g, flags, to);
  if (rows.packed && rows.parent?.id === REQUEST_ROWS) return { cells: matrix, taken };
  const width = g.op("Shape", [matrix], "int64", { attributes: { start: { int: 1 }, end: { int: 2 } } });
  const order = sub(g, int64(g, 0), range(g, width));
  const last = sub(g, order, width);
  const { at } = topK(g, where(g, taken, order, last), width);
  return { cells: gatherElements(g, matrix, at), taken: gatherElements(g, taken, at) };
}

/** As wide as the fullest row, what lacks filled up. */
function fitted(g: GraphBuilder, cells: Value, taken: Value | undefined, dtype: DType, from: DType): Value {
  if (!taken) return outward(g, hideWidth(g, cells), from, dtype);
  const counts = reduce(g, "ReduceSum", cast(g, taken, "int64"), 1);
  const longest = reduce(g, "ReduceMax", counts, 0, true);
  const cut = (value: Value) => slice(g, value, int64(g, 0), longest, 1);
  const { kind } = datatype(dtype);
  const fill = kind === "string" ? "" : kind === "float" ? Number.NaN : kind === "int" ? -1 : 0;
  // Before the cast, where a narrow integer can not be chosen.
  const source = cut(cells);
  const blank = isFloat({ dtype }) || kind === "string" ? fill : kind === "int" ? -1n : 0;
  return outward(g, where(g, cut(taken), source, scalar(g, source.dtype, blank)), from, dtype);
}

function raggedPair(g: GraphBuilder, values: Value, col: LoweredColumn): ListPair {
  const flags = takenRows(g, col.rows);
  const lengths = flags ? compress(g, col.lengths!, flags) : col.lengths!;
  const inside = items(g, col);
  const there = flags ? and(g, inside, unsqueeze(g, flags, 1)) : inside;
  return { values: flatItems(g, values, there), offsets: offsetsOf(g, lengths) };
}

function candidatePair(g: GraphBuilder, values: Value, { rows, width = 1 }: LoweredColumn, count: Value): ListPair {
  const flags = takenRows(g, rows) ?? expand(g, scalar(g, "bool", true), rows.count);
  const counts = reduce(g, "ReduceSum", cast(g, reshape(g, flags, concat(g, [count, int64(g, -1)])), "int64"), 1);
  const offsets = offsetsOf(g, counts);
  return {
    values: flat(g, compress(g, values, flags)),
    offsets: width === 1 ? offsets : mul(g, offsets, int64(g, width)),
  };
}

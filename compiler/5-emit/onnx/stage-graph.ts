/**
 * One model of an ensemble while its graph is written: reads columns and rows of earlier models, and declares outputs. A tensor has the same name in
 * the model and in the ensemble.
 */

import type { AnswerForm } from "../../../contract/answer-form.js";
import { type ColumnTensor, configOf, type TensorConfig, tensor } from "../../../contract/column-tensors.js";
import { type ColumnSchema, REQUEST_ROWS } from "../../../contract/schema.js";
import type { LoweredColumn, RowSet } from "../../../operators/shared/onnx/lowered-column.js";
import { dim } from "../../onnx/elementary.js";
import type { GraphBuilder, Value } from "../../onnx/graph-builder.js";
import { readColumn } from "./read-column.js";
import { requestColumn, requestTensors } from "./request-columns.js";

/** A column that travels from one model of the ensemble to the next. */
export interface ColumnEdge {
  readonly column: Pick<ColumnSchema, "name" | "dtype" | "list" | "rows">;
  readonly tensors: readonly ColumnTensor[];
  /** Every text that the column can hold. */
  readonly domain?: ReadonlySet<string>;
}

/** Candidates' rows that do. */
export interface RowsEdge {
  readonly id: string;
  readonly parent: string;
  readonly tensor: string;
  /** Some places are not taken. */
  readonly masked: boolean;
  readonly packed: boolean;
}

export interface StageGraph {
  readonly g: GraphBuilder;
  readonly inputs: readonly TensorConfig[];
  readonly outputs: readonly TensorConfig[];
  /** Rows by id. */
  rows(id: string): RowSet;
  /** A column that an earlier model made. */
  column(edge: ColumnEdge): LoweredColumn;
  /** A column of the request. */
  requestColumn(col: ColumnSchema): LoweredColumn;
  /** Makes a value an output. */
  write(to: Pick<ColumnTensor, "name" | "dims">, value: Value): void;
  /** Adds outputs to the configuration that the graph has already. */
  declare(tensors: readonly TensorConfig[]): void;
}

/** Symbolic names for dims that vary, after the tensor. */
const symbols = ({ name, dims }: Pick<ColumnTensor, "name" | "dims">): (string | number)[] =>
  dims.map((d, i) => (d === -1 ? `${name} ${i}` : d));

/** @param known rows that earlier models made */
export function stageGraph(g: GraphBuilder, known: ReadonlyMap<string, RowsEdge>, form: AnswerForm): StageGraph {
  const inputs: TensorConfig[] = [];
  const outputs: TensorConfig[] = [];
  const sets = new Map<string, RowSet>();
  const tensors = new Map<string, Value>();
  const request = new Map<string, LoweredColumn>();
  /** Number of the request's rows, from the first tensor that has it. */
  let count: Value | undefined;
  const read = (one: ColumnTensor): Value => {
    const { name, dtype } = one;
    const seen = tensors.get(name);
    if (seen) return seen;
    const value = g.input(name, dtype, symbols(one));
    inputs.push(configOf(one));
    tensors.set(name, value);
    return value;
  };
  const rows = (id: string): RowSet => {
    const seen = sets.get(id);
    if (seen) return seen;
    const made = id === REQUEST_ROWS ? { id, count: count! } : placesOf(known.get(id)!);
    sets.set(id, made);
    return made;
  };
  const placesOf = ({ id, parent: above, tensor: name, masked, packed }: RowsEdge): RowSet => {
    const mask = read({ name, dtype: "bool", part: "values", dims: [-1, -1] });
    if (above === REQUEST_ROWS) count ??= dim(g, mask, 0);
    const parent = rows(above);
    const width = dim(g, mask, 1);
    return { id, parent, width, ...(masked && { mask }), packed, count: g.op("Mul", [parent.count, width], "int64") };
  };
  return {
    g,
    inputs,
    outputs,
    rows,
    column: ({ column, tensors, domain }) => {
      const found = readColumn(g, column, tensors, read);
      if (column.rows === REQUEST_ROWS) count ??= found.count;
      return { ...found.column(rows(column.rows)), ...(domain && { domain }) };
    },
    requestColumn: col => {
      const seen = request.get(col.name);
      if (seen) return seen;
      const found = requestTensors(g, col, form);
      inputs.push(...requestColumn(col, form).map(configOf));
      count ??= found.count;
      const made = found.column(rows(REQUEST_ROWS));
      request.set(col.name, made);
      return made;
    },
    write: (to, value) => {
      g.output(to.name, value, symbols(to));
      outputs.push(tensor(to.name, value.dtype, to.dims));
    },
    declare: more => void outputs.push(...more),
  };
}

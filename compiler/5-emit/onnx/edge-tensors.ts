/**
 * How a column travels from one model of an ensemble to the next: as a tensor `step.column` in its own dtype, with `….valid` where it may hold nulls
 * and `….lengths` for ragged lists. Candidates' rows travel once, as `step.mask`: bool[parent rows, places].
 */

import { type TensorConfig, tensor } from "../../../contract/entry-config.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import { graphDtype, grid, type LoweredColumn, type RowSet } from "../../../operators/shared/onnx/lowered-column.js";
import type { DType } from "../../../triton-protos/datatype.js";
import { cast, dim, expand, flat, hideWidth, scalar, unsqueeze } from "../../onnx/elementary.js";
import type { GraphBuilder, Value } from "../../onnx/graph-builder.js";

export interface Carried {
  readonly tensor: string;
  readonly dtype: DType;
  /** Dims of the tensor, −1 for rows. */
  readonly dims: readonly number[];
  readonly rows: string;
  readonly valid?: string;
  readonly lengths?: string;
  readonly width?: number;
  readonly domain?: ReadonlySet<string>;
}

export interface CarriedRows {
  readonly id: string;
  readonly parent: string;
  readonly tensor: string;
  /** Some places are not taken. */
  readonly masked: boolean;
  readonly packed: boolean;
}

/** One model of the ensemble while it is written. */
export interface StageGraph {
  readonly g: GraphBuilder;
  /** Rows by id. */
  rows(id: string): RowSet;
  column(carried: Carried): LoweredColumn;
  /** Tells that these are rows of the request. @param count int64[1] */
  sawRequest(count: Value): void;
  readonly inputs: TensorConfig[];
  readonly outputs: TensorConfig[];
  /** Columns of the request that were read. */
  readonly request: Map<string, LoweredColumn>;
}

/** @param known rows that earlier models made */
export function stageGraph(g: GraphBuilder, known: ReadonlyMap<string, CarriedRows>): StageGraph {
  const inputs: TensorConfig[] = [];
  const outputs: TensorConfig[] = [];
  const sets = new Map<string, RowSet>();
  const tensors = new Map<string, Value>();
  let count: Value | undefined;
  const read = (name: string, dtype: DType, dims: readonly number[]): Value => {
    const seen = tensors.get(name);
    if (seen) return seen;
    const value = g.input(
      name,
      dtype,
      dims.map((d, i) => (d === -1 ? `${name} ${i}` : d)),
    );
    inputs.push(tensor(name, dtype, dims));
    tensors.set(name, value);
    return value;
  };
  const rows = (id: string): RowSet => {
    const seen = sets.get(id);
    if (seen) return seen;
    if (id === REQUEST_ROWS) {
      const made = { id, count: count! };
      sets.set(id, made);
      return made;
    }
    const carried = known.get(id)!;
    const mask = read(carried.tensor, "bool", [-1, -1]);
    if (carried.parent === REQUEST_ROWS) count ??= dim(g, mask, 0);
    const parent = rows(carried.parent);
    const width = dim(g, mask, 1);
    const made: RowSet = {
      id,
      parent,
      width,
      ...(carried.masked && { mask }),
      packed: carried.packed,
      count: g.op("Mul", [parent.count, width], "int64"),
    };
    sets.set(id, made);
    return made;
  };
  return {
    g,
    inputs,
    outputs,
    request: new Map(),
    rows,
    sawRequest: seen => {
      count ??= seen;
    },
    column: carried => {
      const { dtype, dims, valid, lengths, width, domain } = carried;
      const given = read(carried.tensor, dtype, dims);
      if (carried.rows === REQUEST_ROWS) count ??= dim(g, given, 0);
      const list = width !== undefined || lengths !== undefined;
      const values = cast(g, given, graphDtype(dtype));
      return {
        dtype,
        rows: rows(carried.rows),
        values: list || dims.length === 1 ? values : flat(g, values),
        ...(valid !== undefined && { valid: read(valid, "bool", list ? [-1, dims[1]!] : [-1]) }),
        ...(lengths !== undefined && { lengths: read(lengths, "int64", [-1]) }),
        ...(width !== undefined && { width }),
        ...(domain && { domain }),
      };
    },
  };
}

/** Writes a column as tensors of the model. @param matrix a scalar as `[n, 1]` */
export function carry(stage: StageGraph, place: string, col: LoweredColumn, matrix: boolean): Carried {
  const { g, outputs } = stage;
  const list = col.width !== undefined || col.lengths !== undefined;
  const dims = list ? [-1, col.width ?? -1] : matrix ? [-1, 1] : [-1];
  const write = (name: string, value: Value, own: readonly number[]) => {
    g.output(
      name,
      own[1] === -1 ? hideWidth(g, value) : value,
      own.map((d, i) => (d === -1 ? `${name} ${i}` : d)),
    );
    outputs.push(tensor(name, value.dtype, own));
    return name;
  };
  const values = cast(g, col.values, col.dtype);
  return {
    tensor: write(place, !list && matrix ? unsqueeze(g, values, 1) : values, dims),
    dtype: col.dtype,
    dims,
    rows: col.rows.id,
    ...(col.valid && { valid: write(`${place}.valid`, col.valid, list ? dims : [-1]) }),
    ...(col.lengths && { lengths: write(`${place}.lengths`, col.lengths, [-1]) }),
    ...(col.width !== undefined && { width: col.width }),
    ...(col.domain && { domain: col.domain }),
  };
}

/** Writes rows that the model made. */
export function carryRows({ g, outputs }: StageGraph, rows: RowSet): CarriedRows {
  const name = `${rows.id}.mask`;
  const mask = rows.mask ?? expand(g, scalar(g, "bool", true), grid(g, rows));
  g.output(name, hideWidth(g, mask), [`${name} 0`, `${name} 1`]);
  outputs.push(tensor(name, "bool", [-1, -1]));
  return {
    id: rows.id,
    parent: rows.parent!.id,
    tensor: name,
    masked: rows.mask !== undefined,
    packed: rows.packed === true,
  };
}

/**
 * Rows of objects ↔ tensors: for people who have records and not columns. One row is one element along the first dimension.
 */
import type { WireType } from "../../triton-protos/datatype.js";
import { ProtocolError, wrong } from "./client-error.js";
import type { DataOf } from "./data-of.js";
import type { ItemOf, ModelType, TensorType } from "./model-types.js";
import { lists, ragged } from "./ragged.js";
import type { Tensor } from "./tensor.js";
import type { RpcAnswer } from "./wire-call.js";

type BaseName<N> = N extends `${infer B}__values` ? B : N extends `${string}__offsets` ? never : N;
type TypeAt<T, N> = N extends keyof T
  ? T[N]
  : N extends string
    ? `${N}__values` extends keyof T
      ? T[`${N}__values`]
      : never
    : never;
type CellIn<T> = T extends TensorType
  ? ItemOf[T["datatype"]] | readonly ItemOf[T["datatype"]][] | DataOf[T["datatype"]]
  : never;
type CellOut<T> = T extends TensorType ? ItemOut[T["datatype"]] | DataOf[T["datatype"]] : never;
type ItemOut = {
  [D in WireType]: DataOf[D] extends readonly (infer V)[]
    ? V
    : DataOf[D] extends BigInt64Array | BigUint64Array
      ? bigint
      : number;
};

/** A row of a request: a value for each input, or a list where a row has several. */
export type RowIn<M extends ModelType> = {
  readonly [N in keyof M["inputs"] as BaseName<N>]: CellIn<TypeAt<M["inputs"], N>>;
};
/** A row of an answer: a value where a row has one, a view of the values where it has more. */
export type RowOut<M extends ModelType> = {
  readonly [N in keyof M["outputs"] as BaseName<N>]: CellOut<TypeAt<M["outputs"], N>>;
};

type Declared = RpcAnswer<"ModelMetadata">;

/** @throws InvalidRequestError for a row that lacks a column */
export function fromRows(
  rows: readonly Readonly<Record<string, unknown>>[],
  { name: model, inputs }: Declared,
): Record<string, unknown> {
  const columns: Record<string, unknown> = {};
  const known = new Set<string>();
  for (const { name, datatype, shape } of inputs) {
    if (name.endsWith("__offsets") && inputs.some(one => one.name === `${name.slice(0, -9)}__values`)) continue;
    const isPair = name.endsWith("__values") && inputs.some(one => one.name === `${name.slice(0, -8)}__offsets`);
    const column = isPair ? name.slice(0, -8) : name;
    known.add(column);
    const cells = rows.map(row => row[column]);
    const missing = cells.findIndex(cell => cell === undefined || cell === null);
    // An input that no row has may be an optional one.
    if (missing >= 0 && cells.every(cell => cell === undefined)) continue;
    if (missing >= 0) throw wrong(`row ${missing} has no \`${column}\``, model);
    if (isPair) Object.assign(columns, ragged(column, datatype as WireType, cells as ArrayLike<unknown>[]));
    else columns[name] = shape.length > 1 ? cells.map(cell => nest(cell, shape.length - 1)) : cells;
  }
  const odd = rows.flatMap(row => Object.keys(row)).find(column => !known.has(column));
  if (odd !== undefined)
    throw wrong(
      `model "${model}" has no input \`${odd}\`: it has ${[...known].map(name => `\`${name}\``).join(", ")}`,
      model,
    );
  return columns;
}

const isList = (cell: unknown): boolean =>
  Array.isArray(cell) || (ArrayBuffer.isView(cell) && !(cell instanceof Uint8Array));
/** A cell with as many dimensions as a row has. */
const nest = (cell: unknown, rank: number): unknown => {
  const list = isList(cell) ? cell : [cell];
  return rank > 1 && !isList((list as unknown[])[0]) ? Array.from({ length: 1 }, () => nest(list, rank - 1)) : list;
};

/** @throws ProtocolError where outputs have different numbers of rows */
export function toRows(outputs: Readonly<Record<string, Tensor>>): Record<string, unknown>[] {
  const columns: [string, readonly unknown[]][] = [];
  for (const [name, tensor] of Object.entries(outputs)) {
    if (name.endsWith("__offsets") && outputs[`${name.slice(0, -9)}__values`]) continue;
    const base = name.endsWith("__values") ? name.slice(0, -8) : undefined;
    if (base !== undefined && outputs[`${base}__offsets`]) columns.push([base, lists(outputs as never, base)]);
    else {
      const rows = tensor.rows() as ArrayLike<unknown>[];
      const isOne = tensor.shape.slice(1).every(dim => dim === 1);
      columns.push([name, isOne ? rows.map(row => row[0]) : rows]);
    }
  }
  const count = columns[0]?.[1].length ?? 0;
  const odd = columns.find(([, cells]) => cells.length !== count);
  if (odd)
    throw new ProtocolError(
      "INTERNAL",
      `output \`${odd[0]}\` has ${odd[1].length} rows, and \`${columns[0]![0]}\` has ${count}`,
    );
  return Array.from({ length: count }, (_, i) => Object.fromEntries(columns.map(([name, cells]) => [name, cells[i]])));
}

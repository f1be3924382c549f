/**
 * A request's columns and the keys of their look-ups → useful test rows: known keys, unknown keys, edges of dtypes, empty lists.
 */

import { entryColumn } from "../contract/column-tensors.js";
import { isRagged, type Schema } from "../contract/schema.js";
import type { RequestTensor } from "../runtime/server/contract.js";
import { type DType, datatype } from "../triton-protos/datatype.js";

type Value = number | bigint | string;
/** By column: one value, or those of its list. */
export type EdgeRow = Readonly<Record<string, readonly Value[]>>;

const ROWS = 32;
const LENGTHS = [2, 0, 1, 5];

/** Every second row has only known keys, so that the steps behind a look-up run. */
export function edgeRows(columns: Schema, keys: ReadonlyMap<string, readonly Value[]>): EdgeRow[] {
  const random = generator();
  const pick = (from: readonly Value[]): Value => from[Math.floor(random() * from.length)]!;
  return Array.from({ length: ROWS }, (_, row) =>
    Object.fromEntries(
      columns.map(col => {
        const known = keys.get(col.name) ?? [];
        const pool = known.length > 0 && row % 2 === 0 ? known : [...known, ...edges(col.dtype)];
        const length = col.list ? (isRagged(col) ? LENGTHS[row % LENGTHS.length]! : col.list.min) : 1;
        const isVector = col.list !== undefined && !isRagged(col) && datatype(col.dtype).kind === "float";
        return [col.name, Array.from({ length }, () => (isVector ? 2 * random() - 1 : pick(pool)))];
      }),
    ),
  );
}

function edges(dtype: DType): readonly Value[] {
  const { kind, bytes } = datatype(dtype);
  if (kind === "bool") return [0, 1];
  if (kind === "string") return ["", "?", "é"];
  if (kind === "float") return [0, 1, -1.5, Number.NaN, 1e30];
  const bits = BigInt(bytes * 8);
  const [least, most] = kind === "uint" ? [0n, (1n << bits) - 1n] : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  return [0n, 1n, 2n, 3n, least, most];
}

/** The same numbers in each build. */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Rows as the tensors of one request. @param batched whether scalars are `[rows, 1]` */
export const rowTensors = (columns: Schema, rows: readonly EdgeRow[], batched: boolean): RequestTensor[] =>
  columns.flatMap(col => {
    const lists = rows.map(row => row[col.name]!);
    const values = lists.flat();
    return entryColumn(col, batched ? "batched" : "unbatched").map(({ name, dtype, part, dims }) => {
      if (part === "offsets") return tensorOf(name, dtype, [rows.length + 1], offsetsOf(lists));
      const shape = isRagged(col) ? [values.length] : [rows.length, ...(batched ? dims : dims.slice(1))];
      return tensorOf(name, dtype, shape, values);
    });
  });

function offsetsOf(lists: readonly (readonly Value[])[]): number[] {
  const offsets = [0];
  for (const list of lists) offsets.push(offsets.at(-1)! + list.length);
  return offsets;
}

function tensorOf(name: string, dtype: DType, shape: readonly number[], values: readonly Value[]): RequestTensor {
  const { wire, array } = datatype(dtype);
  return { name, datatype: wire, shape, data: array ? numbers(array, values) : texts(values as readonly string[]) };
}

function numbers(array: NonNullable<ReturnType<typeof datatype>["array"]>, values: readonly Value[]): Uint8Array {
  const made = new array(values.length);
  const wide = made instanceof BigInt64Array || made instanceof BigUint64Array;
  values.forEach((value, i) => {
    (made as { [i: number]: unknown })[i] = wide ? BigInt(value) : Number(value);
  });
  return new Uint8Array(made.buffer, made.byteOffset, made.byteLength);
}

/** Each with its length in front. */
const texts = (values: readonly string[]): Uint8Array =>
  Buffer.concat(
    values.flatMap(value => {
      const bytes = Buffer.from(value);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );

/**
 * Attributes of items that an index got since it was built: rows of Arrow files, which an upsert brought. Numbers are converted to the types that the
 * plan names. A column that a row's file lacks, and a number that its type cannot hold, is null.
 */
import { type ArrowColumn, readArrowColumns } from "../../../formats/arrow/arrow-columns.js";
import { type DType, datatype, type Values } from "../../../triton-protos/datatype.js";
import { allocate } from "../../base/columns/table.js";
import { type Attribute, byPosition, type Piece } from "./attribute-column.js";
import type { AttributeTable } from "./attribute-table.js";

/** A row of an Arrow file. */
export interface KeptRow {
  readonly table: Uint8Array;
  readonly row: number;
}

type Columns = Readonly<Record<string, ArrowColumn>>;
/** Each file is parsed once, while anything refers to it. */
const parsed = new WeakMap<Uint8Array, Columns>();

/** @throws Error naming the file for attributes that are not an Arrow file */
function columnsOf(table: Uint8Array, where: string): Columns {
  const known = parsed.get(table);
  if (known) return known;
  try {
    const columns = readArrowColumns(table);
    parsed.set(table, columns);
    return columns;
  } catch (error) {
    throw new Error(`${where} has attributes that are not an Arrow file: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

/** @param items one for each position @param where file name, for messages @throws Error naming it */
export function freshAttributes(
  items: readonly { readonly attributes: KeptRow | undefined }[],
  columns: Readonly<Record<string, DType>>,
  where: string,
): AttributeTable {
  const rows = items.map(({ attributes }) => attributes);
  const rowAt = Int32Array.from(rows, (row, i) => (row ? i : -1));
  const found = new Map<string, Attribute>();
  for (const [name, dtype] of Object.entries(columns))
    found.set(name, finished(byPosition(dtype, pieceOf(rows, name, dtype, where), rowAt)));
  const known = new Uint8Array(new ArrayBuffer(Math.ceil(items.length / 32) * 4), 0, Math.ceil(items.length / 8));
  rows.forEach((row, i) => {
    if (row) known[i >> 3]! |= 1 << (i & 7);
  });
  const lacking = rows.reduce((sum, row) => sum + (row ? 0 : 1), 0);
  return { positions: items.length, known, lacking, columns: found };
}

function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function pieceOf(rows: readonly (KeptRow | undefined)[], name: string, dtype: DType, where: string): Piece {
  const values = allocate(dtype, rows.length);
  const validity = new Uint8Array(rows.length);
  rows.forEach((row, i) => {
    const column = row && columnsOf(row.table, where)[name];
    if (!column || column.validity?.[row.row] === 0 || row.row >= column.values.length) return;
    validity[i] = put(values, i, dtype, column.values[row.row]!, column.dtype) ? 1 : 0;
  });
  return { values, validity };
}

/** @returns whether the column's type holds the value */
function put(to: Values, at: number, dtype: DType, value: number | bigint | string, from: DType): boolean {
  const target = to as { [i: number]: unknown };
  if (dtype === from) {
    target[at] = value;
    return true;
  }
  const [wanted, given] = [datatype(dtype).kind, datatype(from).kind];
  const isNumber = (kind: string): boolean => kind === "int" || kind === "uint" || kind === "float";
  if (!isNumber(wanted) || !isNumber(given)) return false;
  if (wanted === "float") {
    target[at] = Number(value);
    return true;
  }
  if (given === "float" && !Number.isInteger(value)) return false;
  const whole = BigInt(value);
  target[at] = to instanceof BigInt64Array || to instanceof BigUint64Array ? whole : Number(whole);
  return BigInt(target[at] as number) === whole && BigInt(to[at]!) === whole;
}

/** Rows of a table, and after them those of ids that it lacks. @throws Error for attributes that cannot be read */
export function withKept(
  pieces: ReadonlyMap<string, Piece>,
  columns: ReadonlyMap<string, DType>,
  key: string,
  kept: ReadonlyMap<bigint | string, KeptRow>,
): ReadonlyMap<string, Piece> {
  const own = pieces.get(key)!;
  const lacking = new Map([...kept.keys()].map(id => [keyOf(id), id]));
  for (let i = 0; i < own.values.length && lacking.size > 0; i++) lacking.delete(keyOf(own.values[i]!));
  const ids = [...lacking.values()];
  if (ids.length === 0) return pieces;
  const rows = ids.map(id => kept.get(id)!);
  return new Map(
    [...columns].map(([name, dtype]) => {
      const before = pieces.get(name)!;
      const after = name === key ? keysOf(ids, dtype) : pieceOf(rows, name, dtype, "the delta");
      return [name, joined(before, after, dtype)];
    }),
  );
}

/** Numbers and bigints of one value have one key. */
const keyOf = (id: number | bigint | string): number | bigint | string =>
  typeof id === "bigint" && Number.isSafeInteger(Number(id)) ? Number(id) : id;

function keysOf(ids: readonly (bigint | string)[], dtype: DType): Piece {
  const values = allocate(dtype, ids.length);
  ids.forEach((id, i) => void put(values, i, dtype, id, typeof id === "string" ? "string" : "int64"));
  return { values };
}

function joined(a: Piece, b: Piece, dtype: DType): Piece {
  const [n, m] = [a.values.length, b.values.length];
  const validity = new Uint8Array(n + m).fill(1);
  if (a.validity) validity.set(a.validity);
  if (b.validity) validity.set(b.validity, n);
  if (Array.isArray(a.values)) return { values: [...a.values, ...(b.values as string[])], validity };
  const values = allocate(dtype, n + m) as Float64Array;
  values.set(a.values as Float64Array);
  values.set(b.values as Float64Array, n);
  return { values, validity };
}

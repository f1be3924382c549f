/**
 * Columns of an attribute table by position of an index. Texts are a dictionary and a code for each position: a condition on them is computed once
 * for each text.
 */
import type { DType } from "../../../triton-protos/datatype.js";
import { allocate, type Column, rootRows, type Values } from "../../base/columns/table.js";

/** Values that are not texts, as columns have them. */
export interface PlainAttribute {
  readonly column: Column;
}

export interface TextAttribute {
  /** Each once. */
  readonly texts: readonly string[];
  /** Place of a position's text in `texts`, or −1: it has none. */
  readonly codes: Int32Array;
}

export type Attribute = PlainAttribute | TextAttribute;

export const isText = (attribute: Attribute): attribute is TextAttribute => "codes" in attribute;

/** The columns of a table's rows, in order: of each, its pieces. */
export interface Piece {
  readonly values: Values;
  /** 0 for each null. Absent: there is none. */
  readonly validity?: Uint8Array | undefined;
}

/** Work of this many values, after which other work of the process gets a turn. */
export const TURN = 2 ** 15;

/**
 * Rows → positions.
 * @param rowAt the row of each position, or −1
 * @yields after each turn
 */
export function* byPosition(dtype: DType, piece: Piece, rowAt: Int32Array): Generator<void, Attribute> {
  return dtype === "string" ? yield* textsByPosition(piece, rowAt) : yield* plainByPosition(dtype, piece, rowAt);
}

function* plainByPosition(dtype: DType, { values, validity }: Piece, rowAt: Int32Array): Generator<void, Attribute> {
  const count = rowAt.length;
  const to = allocate(dtype, count) as Float64Array;
  const from = values as Float64Array;
  const known = validity || rowAt.includes(-1) ? new Uint8Array(count) : undefined;
  for (let i = 0; i < count; i++) {
    const row = rowAt[i]!;
    if (row >= 0) {
      to[i] = from[row]!;
      if (known) known[i] = validity?.[row] ?? 1;
    }
    if (i % TURN === TURN - 1) yield;
  }
  return { column: { dtype, rows: rootRows(count), values: to, ...(known && { validity: known }) } };
}

function* textsByPosition({ values, validity }: Piece, rowAt: Int32Array): Generator<void, Attribute> {
  const places = new Map<string, number>();
  const codes = new Int32Array(rowAt.length).fill(-1);
  for (let i = 0; i < codes.length; i++) {
    const row = rowAt[i]!;
    if (row >= 0 && validity?.[row] !== 0) {
      const text = values[row] as string;
      let code = places.get(text);
      if (code === undefined) {
        code = places.size;
        places.set(text, code);
      }
      codes[i] = code;
    }
    if (i % TURN === TURN - 1) yield;
  }
  return { texts: [...places.keys()], codes };
}

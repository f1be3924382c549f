/** The distinct values of an attribute: a condition that reads it alone is computed once for each. */
import { allocate, type Column, rootRows } from "../../base/columns/table.js";
import { type Attribute, isText, TURN } from "../../stores/attributes/attribute-column.js";

export interface Dictionary {
  readonly count: number;
  /** Each distinct value once, a missing one last. */
  readonly values: Attribute;
  /** The place of each position's value in `values`. */
  readonly codes: Int32Array;
}

/** Attributes with more distinct values than this part of the positions have no dictionary. */
const MOST = 1 / 4;

/** @yields after each turn @returns undefined for an attribute of many values */
export function* dictionaryOf(attribute: Attribute): Generator<void, Dictionary | undefined> {
  if (isText(attribute)) {
    const { texts, codes } = attribute;
    const missing = texts.length;
    const places = Int32Array.from({ length: missing + 1 }, (_, i) => (i < missing ? i : -1));
    return {
      count: missing + 1,
      values: { texts, codes: places },
      codes: codes.map(code => (code < 0 ? missing : code)),
    };
  }
  const { dtype, values, validity } = attribute.column;
  const count = values.length;
  const places = new Map<unknown, number>();
  const codes = new Int32Array(count).fill(-1);
  for (let i = 0; i < count; i++) {
    if (i % TURN === TURN - 1) yield;
    if (validity?.[i] === 0) continue;
    const value = values[i];
    const place = places.get(value);
    if (place !== undefined) codes[i] = place;
    else {
      // A map has one place for both zeros, which a condition may tell apart.
      if (places.size >= count * MOST || Object.is(value, -0)) return undefined;
      codes[i] = places.size;
      places.set(value, places.size);
    }
  }
  const missing = places.size;
  const distinct = allocate(dtype, missing + 1) as { [i: number]: unknown };
  for (const [value, place] of places) distinct[place] = value;
  const known = new Uint8Array(missing + 1).fill(1, 0, missing);
  const column: Column = { dtype, rows: rootRows(missing + 1), values: distinct as Column["values"], validity: known };
  return { count: missing + 1, values: { column }, codes: codes.map(code => (code < 0 ? missing : code)) };
}

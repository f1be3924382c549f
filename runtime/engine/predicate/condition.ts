/**
 * One part of a filtered search's condition: the columns of an attribute table, and of one user → the positions for which it holds.
 */

import type { Expression } from "../../../contract/expression.js";
import type { ValueType } from "../../../contract/expression-functions.js";
import { valueTypeOf } from "../../../contract/expression-type.js";
import { columnsOfSide, whereColumn } from "../../../contract/where.js";
import { allocate, type Column, gather, rootRows } from "../../base/columns/table.js";
import { type Attribute, isText, TURN } from "../../stores/attributes/attribute-column.js";
import type { AttributeTable } from "../../stores/attributes/live-attributes.js";
import { type CompiledExpression, compileExpression } from "../expression/compile-expression.js";
import { toVector } from "../expression/vector.js";
import type { FlagVector, Vector } from "../expression/vector-kinds.js";
import { noBits } from "./bits.js";

/** Positions of one step: what is computed for them stays in the processor's caches. */
const BLOCK = 2 ** 13;
const LEAST_BLOCK = 2 ** 6;

/** Columns of the user side, by name: those of the request. */
export type UserColumns = ReadonlyMap<string, Column>;

export interface Condition {
  /** Columns that it reads of the user. */
  readonly user: readonly string[];
  /** Values that are computed for a row of the user's: what it costs. */
  cost(user: UserColumns, row: number): number;
  /** @yields after each block */
  run(user: UserColumns, row: number): Generator<void, Uint8Array>;
}

/** @param what names the step in messages @throws RuntimeFault for types that do not fit */
export function prepareCondition(condition: Expression, table: AttributeTable, what: string): Condition {
  const items = columnsOfSide(condition, "item");
  const user = columnsOfSide(condition, "user");
  const only = items.length === 1 && user.length > 0 ? table.columns.get(items[0]!) : undefined;
  let compiled: CompiledExpression | undefined;
  let dictionary: Dictionary | undefined;
  let isKnown = only === undefined;
  const count = (): number => dictionary?.count ?? table.positions;
  return {
    user,
    cost: (columns, row) => count() * (1 + userCost(user, columns, row)) + table.positions / 8,
    *run(columns, row) {
      compiled ??= compileExpression(condition, typesOf(items, table, user, columns), what);
      if (!isKnown) dictionary = yield* dictionaryOf(only!);
      isKnown = true;
      const attributes = items.map(name => [name, dictionary ? dictionary.values : table.columns.get(name)!] as const);
      const holds = new Uint8Array(count());
      const block = Math.max(LEAST_BLOCK, Math.floor(BLOCK / (1 + userCost(user, columns, row))));
      const ofUser = (rows: number): Vectors => userVectors(user, columns, row, rows, what);
      const repeated = ofUser(Math.min(block, holds.length));
      for (let from = 0; from < holds.length; from += block) {
        const rows = Math.min(block, holds.length - from);
        const users = rows === block || from === 0 ? repeated : ofUser(rows);
        const vectors = new Map([...itemVectors(attributes, from, from + rows), ...users]);
        holds.set((compiled.run(vectors, rows) as FlagVector).values, from);
        if (from + rows < holds.length) yield;
      }
      return dictionary ? bitsOfCodes(dictionary.codes, holds) : bitsOf(holds);
    },
  };
}

function typesOf(items: readonly string[], table: AttributeTable, user: readonly string[], columns: UserColumns) {
  const types = new Map<string, ValueType>();
  for (const name of items) {
    const attribute = table.columns.get(name)!;
    types.set(whereColumn("item", name), isText(attribute) ? "text" : valueTypeOf({ dtype: attribute.column.dtype })!);
  }
  for (const name of user) {
    const { dtype, offsets, width } = columns.get(name)!;
    const list = (offsets !== undefined || width !== undefined) && { list: { min: 0, max: null } };
    types.set(whereColumn("user", name), valueTypeOf({ dtype, ...list })!);
  }
  return types;
}

/** Characters that are compared in about the time of a number. */
const CHARACTERS = 32;
/** A value of a list costs this many single ones (measured). */
const LISTED = 5;

/** Cost per item of a user's row, beside one comparison: for the values of its lists and the length of its texts. */
function userCost(user: readonly string[], columns: UserColumns, row: number): number {
  let cost = 0;
  for (const name of user) {
    const { offsets, width, values, dtype } = columns.get(name)!;
    const isList = offsets !== undefined || width !== undefined;
    const [from, to] = offsets ? [offsets[row]!, offsets[row + 1]!] : [row * (width ?? 1), (row + 1) * (width ?? 1)];
    if (isList) cost += LISTED * (to - from);
    if (dtype !== "string") continue;
    for (let i = from; i < to; i++) cost += Math.floor((values[i] as string).length / CHARACTERS);
  }
  return cost;
}

type Vectors = readonly (readonly [string, Vector])[];

const itemVectors = (attributes: readonly (readonly [string, Attribute])[], from: number, to: number): Vectors =>
  attributes.map(([name, attribute]) => [whereColumn("item", name), vectorOf(name, attribute, from, to)] as const);

function vectorOf(name: string, attribute: Attribute, from: number, to: number): Vector {
  if (isText(attribute)) {
    const { texts, codes } = attribute;
    return { type: "text", values: Array.from(codes.subarray(from, to), code => (code < 0 ? undefined : texts[code])) };
  }
  const { dtype, values, validity } = attribute.column;
  const part: Column = {
    dtype,
    rows: rootRows(to - from),
    values: (values as Float64Array).subarray(from, to),
    ...(validity && { validity: validity.subarray(from, to) }),
  };
  return toVector(part, `attribute \`${name}\``);
}

/** A user's values, repeated for each row. */
const userVectors = (
  names: readonly string[],
  columns: UserColumns,
  row: number,
  rows: number,
  what: string,
): Vectors =>
  names.map(name => {
    const repeated = gather(columns.get(name)!, new Int32Array(rows).fill(row), rootRows(rows));
    return [whereColumn("user", name), toVector(repeated, `${what}, column \`${name}\`,`)];
  });

function bitsOf(holds: Uint8Array): Uint8Array {
  const bits = noBits(holds.length);
  for (let i = 0; i < holds.length; i++) if (holds[i] === 1) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

function bitsOfCodes(codes: Int32Array, holds: Uint8Array): Uint8Array {
  const bits = noBits(codes.length);
  for (let i = 0; i < codes.length; i++) if (holds[codes[i]!] === 1) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

interface Dictionary {
  readonly count: number;
  /** Each distinct value once, a missing one last. */
  readonly values: Attribute;
  /** The place of each position's value in `values`. */
  readonly codes: Int32Array;
}

/** Attributes with more distinct values than this part of the positions have no dictionary. */
const MOST = 1 / 4;

/** @yields after each turn @returns undefined for an attribute of many values */
function* dictionaryOf(attribute: Attribute): Generator<void, Dictionary | undefined> {
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

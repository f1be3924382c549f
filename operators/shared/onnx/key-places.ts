/**
 * Distinct keys, of one column or of several → for each row of a graph its place among them, −1 where it is none. Keys of several columns are
 * looked up one after the other; a null is a value like any other.
 */

import { readFileSync } from "node:fs";
import { add, cast, encode, equal, int64, mul, scalar, where } from "../../../compiler/onnx/elementary.js";
import type { Value } from "../../../compiler/onnx/graph-builder.js";
import type { Step } from "../../../contract/plan.js";
import { type ArrowColumn, readArrowColumns } from "../../../formats/arrow/arrow-columns.js";
import { datatype, type Values } from "../../../triton-protos/datatype.js";
import { type LoweredColumn, nulls } from "./lowered-column.js";
import { KEEP, type Key, type LowerContext } from "./lowering.js";

/** Columns of a file of the fitted folder. */
export const readTable = (context: LowerContext, file: string): Readonly<Record<string, ArrowColumn>> =>
  readArrowColumns(readFileSync(context.file(file)));

/** Values as `LabelEncoder` takes them; −0 is 0. */
function keyOf({ dtype, values }: Pick<ArrowColumn, "dtype" | "values">, i: number): Key {
  const value = (values as readonly Key[])[i]!;
  if (typeof value === "string") return value;
  return datatype(dtype).kind === "float" ? Number(value) + 0 : BigInt.asIntN(64, BigInt(value));
}

/** The values of a column as keys: int64, texts, or float32. */
function keyValues(context: LowerContext, { dtype, values }: LoweredColumn): Value {
  const { g } = context;
  // 0 and -0 are one key.
  if (dtype === "float64") return add(g, cast(g, values, "float32"), scalar(g, "float32", 0));
  if (dtype === "float32") return add(g, values, scalar(g, "float32", 0));
  return dtype === "bool" ? g.op("Cast", [values], "int64", { attributes: { to: { int: 7 } } }) : values;
}

/** ONNX Runtime looks up float32. @throws through `fail` where that would take one value for another, naming the row */
function refuseFinerKeys(context: LowerContext, name: string, keys: readonly number[]): void {
  const at = keys.findIndex(key => Math.fround(key) !== key && !Number.isNaN(key));
  if (at < 0) return;
  const near = Math.fround(keys[at]!);
  context.fail(
    `it looks \`${name}\` up. ONNX Runtime looks up integers, texts and float32, and fitted row ${at}, ${keys[at]}, would be found as ${near}`,
    `Declare \`${name}\` as float32 or as an integer in the workflow's source, or ${KEEP}.`,
  );
}

/** @param values distinct, without null @returns int64 */
export function placesOf(
  context: LowerContext,
  col: LoweredColumn,
  name: string,
  keys: Pick<ArrowColumn, "dtype" | "values">,
): Value {
  if (keys.dtype !== col.dtype)
    context.fail(
      `it was fitted on \`${name}\` as ${keys.dtype}, and the column is ${col.dtype}`,
      "Fit the workflow again, and build again.",
    );
  const { g } = context;
  const list = Array.from({ length: keys.values.length }, (_, i) => keyOf(keys, i));
  context.keys(name, list);
  const places = list.map((_, i) => i);
  const found = encode(g, keyValues(context, col), list, places, -1);
  if (col.dtype !== "float64") return found;
  refuseFinerKeys(context, name, list as readonly number[]);
  // A value that is not a float32 is not one of the keys, which all are.
  const exact = equal(g, cast(g, cast(g, col.values, "float32"), "float64"), col.values);
  return where(g, exact, found, int64(g, -1));
}

/** @param keys one column per column; row i of them is key i */
export function tuplePlaces(
  context: LowerContext,
  columns: readonly LoweredColumn[],
  names: readonly string[],
  keys: readonly ArrowColumn[],
): Value {
  const { g } = context;
  const count = keys[0]!.values.length;
  let combined: bigint[] = new Array<bigint>(count).fill(0n);
  let found: Value | undefined;
  columns.forEach((col, c) => {
    const { codes, distinct } = codesOf(keys[c]!);
    const size = BigInt(distinct.length + 1);
    const plain = placesOf(context, col, names[c]!, {
      dtype: keys[c]!.dtype,
      values: distinct as unknown as Values,
    });
    // 0 for null, −1 for a value that no key has.
    const shifted = where(g, g.op("Less", [plain, int64(g, 0)], "bool"), int64(g, -1), add(g, plain, int64(g, 1)));
    const missing = nulls(g, col);
    const own = missing ? where(g, missing, int64(g, 0), shifted) : shifted;
    const tuples = combined.map((code, i) => code * size + BigInt(codes[i]!));
    const dense = new Map<bigint, bigint>();
    for (const tuple of tuples) if (!dense.has(tuple)) dense.set(tuple, BigInt(dense.size));
    const wide = found ? add(g, mul(g, found, int64(g, size)), own) : own;
    const unknown = g.op("Less", [own, int64(g, 0)], "bool");
    const both = found ? g.op("Or", [unknown, g.op("Less", [found, int64(g, 0)], "bool")], "bool") : unknown;
    found = encode(g, where(g, both, int64(g, -1), wide), [...dense.keys()], [...dense.values()], -1);
    combined = tuples.map(tuple => dense.get(tuple)!);
  });
  const places = new Map(combined.map((code, i) => [code, BigInt(i)]));
  return encode(g, found!, [...places.keys()], [...places.values()], -1);
}

function codesOf(keys: ArrowColumn): { readonly codes: readonly number[]; readonly distinct: readonly Key[] } {
  const seen = new Map<Key, number>();
  const codes = Array.from({ length: keys.values.length }, (_, i) => {
    const value = (keys.values as readonly Key[])[i]!;
    if (keys.validity?.[i] === 0 || Number.isNaN(value)) return 0;
    const key = typeof value === "number" ? value + 0 : value;
    if (!seen.has(key)) seen.set(key, seen.size + 1);
    return seen.get(key)!;
  });
  return { codes, distinct: [...seen.keys()] };
}

/** Places of a step's columns among the keys of a fitted table, whose columns are `key 0`, `key 1`, …; and the rows of these columns. */
export function groupPlaces(
  context: LowerContext,
  { inputs }: Step<"joinExternal" | "joinGroupby" | "targetEncoding">,
  columns: readonly LoweredColumn[],
  names: readonly string[],
  table: Readonly<Record<string, ArrowColumn>>,
): { readonly places: Value; readonly rows: LoweredColumn["rows"] } {
  const own = names.map(name => columns[inputs.input.findIndex(ref => ref.name === name)]!);
  const keys = names.map((_, i) => table[`key ${i}`]!);
  return { places: tuplePlaces(context, own, names, keys), rows: own[0]!.rows };
}

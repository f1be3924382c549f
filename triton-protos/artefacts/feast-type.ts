/**
 * Feast's value types: one row per type with its enum number, the member of `feast.types.Value` that carries it, and the dtype it has in Merlon.
 */
import type { DType } from "../datatype.js";

export interface FeastTypeRow {
  /** Name in Feast's `ValueType.Enum`. */
  readonly name: string;
  /** Number of the enum value; for these types also the field number in `Value`. */
  readonly number: number;
  readonly dtype: DType;
  readonly list: boolean;
}

const ROWS = [
  { name: "BYTES", number: 1, dtype: "string", list: false },
  { name: "STRING", number: 2, dtype: "string", list: false },
  { name: "INT32", number: 3, dtype: "int32", list: false },
  { name: "INT64", number: 4, dtype: "int64", list: false },
  { name: "DOUBLE", number: 5, dtype: "float64", list: false },
  { name: "FLOAT", number: 6, dtype: "float32", list: false },
  { name: "BOOL", number: 7, dtype: "bool", list: false },
  { name: "UNIX_TIMESTAMP", number: 8, dtype: "int64", list: false },
  { name: "BYTES_LIST", number: 11, dtype: "string", list: true },
  { name: "STRING_LIST", number: 12, dtype: "string", list: true },
  { name: "INT32_LIST", number: 13, dtype: "int32", list: true },
  { name: "INT64_LIST", number: 14, dtype: "int64", list: true },
  { name: "DOUBLE_LIST", number: 15, dtype: "float64", list: true },
  { name: "FLOAT_LIST", number: 16, dtype: "float32", list: true },
  { name: "BOOL_LIST", number: 17, dtype: "bool", list: true },
  { name: "UNIX_TIMESTAMP_LIST", number: 18, dtype: "int64", list: true },
] as const satisfies readonly FeastTypeRow[];

/** A type whose values Merlon can read: scalars, and lists of scalars. */
export type FeastType = (typeof ROWS)[number]["name"];

export const FEAST_TYPES: readonly (FeastTypeRow & { readonly name: FeastType })[] = ROWS;

const byName = new Map<string, (typeof FEAST_TYPES)[number]>(ROWS.map(row => [row.name, row]));
const byNumber = new Map<number, (typeof FEAST_TYPES)[number]>(ROWS.map(row => [row.number, row]));

export const feastType = (name: FeastType): (typeof FEAST_TYPES)[number] => byName.get(name)!;
/** The row of an enum number, or undefined for types without a column form (maps, sets, structs, …). */
export const feastTypeOf = (number: number): (typeof FEAST_TYPES)[number] | undefined => byNumber.get(number);

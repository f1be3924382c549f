/**
 * Feast's value types: one row per type with its enum number, the member of `feast.types.Value` that carries it, and the dtype it has in Merlon.
 */
import type { DType } from "../../triton-protos/datatype.js";

/**
 * The form of one item: the scalar member of `Value` with that number, or a message of its own. A message becomes JSON text (maps, nested
 * lists) or its second (a moment with a time zone).
 */
export type FeastItem = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | "map" | "nested" | "scalarMap" | "zoned";

export interface FeastTypeRow {
  /** Name in Feast's `ValueType.Enum`. */
  readonly name: string;
  /** Number of the enum value; also the field number in `Value`, where the type has one of its own. */
  readonly number: number;
  readonly dtype: DType;
  /** Sets are lists here, in the order in which Feast wrote them. */
  readonly list: boolean;
  readonly item: FeastItem;
}

const ROWS = [
  { name: "BYTES", number: 1, dtype: "string", list: false, item: 1 },
  { name: "STRING", number: 2, dtype: "string", list: false, item: 2 },
  { name: "INT32", number: 3, dtype: "int32", list: false, item: 3 },
  { name: "INT64", number: 4, dtype: "int64", list: false, item: 4 },
  { name: "DOUBLE", number: 5, dtype: "float64", list: false, item: 5 },
  { name: "FLOAT", number: 6, dtype: "float32", list: false, item: 6 },
  { name: "BOOL", number: 7, dtype: "bool", list: false, item: 7 },
  { name: "UNIX_TIMESTAMP", number: 8, dtype: "int64", list: false, item: 8 },
  { name: "BYTES_LIST", number: 11, dtype: "string", list: true, item: 1 },
  { name: "STRING_LIST", number: 12, dtype: "string", list: true, item: 2 },
  { name: "INT32_LIST", number: 13, dtype: "int32", list: true, item: 3 },
  { name: "INT64_LIST", number: 14, dtype: "int64", list: true, item: 4 },
  { name: "DOUBLE_LIST", number: 15, dtype: "float64", list: true, item: 5 },
  { name: "FLOAT_LIST", number: 16, dtype: "float32", list: true, item: 6 },
  { name: "BOOL_LIST", number: 17, dtype: "bool", list: true, item: 7 },
  { name: "UNIX_TIMESTAMP_LIST", number: 18, dtype: "int64", list: true, item: 8 },
  { name: "MAP", number: 20, dtype: "string", list: false, item: "map" },
  { name: "MAP_LIST", number: 21, dtype: "string", list: true, item: "map" },
  { name: "BYTES_SET", number: 22, dtype: "string", list: true, item: 1 },
  { name: "STRING_SET", number: 23, dtype: "string", list: true, item: 2 },
  { name: "INT32_SET", number: 24, dtype: "int32", list: true, item: 3 },
  { name: "INT64_SET", number: 25, dtype: "int64", list: true, item: 4 },
  { name: "DOUBLE_SET", number: 26, dtype: "float64", list: true, item: 5 },
  { name: "FLOAT_SET", number: 27, dtype: "float32", list: true, item: 6 },
  { name: "BOOL_SET", number: 28, dtype: "bool", list: true, item: 7 },
  { name: "UNIX_TIMESTAMP_SET", number: 29, dtype: "int64", list: true, item: 8 },
  // These two are stored as plain bytes.
  { name: "PDF_BYTES", number: 30, dtype: "string", list: false, item: 1 },
  { name: "IMAGE_BYTES", number: 31, dtype: "string", list: false, item: 1 },
  { name: "JSON", number: 32, dtype: "string", list: false, item: 2 },
  { name: "JSON_LIST", number: 33, dtype: "string", list: true, item: 2 },
  { name: "STRUCT", number: 34, dtype: "string", list: false, item: "map" },
  { name: "STRUCT_LIST", number: 35, dtype: "string", list: true, item: "map" },
  { name: "UUID", number: 36, dtype: "string", list: false, item: 2 },
  { name: "TIME_UUID", number: 37, dtype: "string", list: false, item: 2 },
  { name: "UUID_LIST", number: 38, dtype: "string", list: true, item: 2 },
  { name: "TIME_UUID_LIST", number: 39, dtype: "string", list: true, item: 2 },
  { name: "UUID_SET", number: 40, dtype: "string", list: true, item: 2 },
  { name: "TIME_UUID_SET", number: 41, dtype: "string", list: true, item: 2 },
  { name: "VALUE_LIST", number: 42, dtype: "string", list: false, item: "nested" },
  { name: "VALUE_SET", number: 43, dtype: "string", list: false, item: "nested" },
  { name: "DECIMAL", number: 44, dtype: "string", list: false, item: 2 },
  { name: "DECIMAL_LIST", number: 45, dtype: "string", list: true, item: 2 },
  { name: "DECIMAL_SET", number: 46, dtype: "string", list: true, item: 2 },
  { name: "SCALAR_MAP", number: 47, dtype: "string", list: false, item: "scalarMap" },
  { name: "ZONED_TIMESTAMP", number: 48, dtype: "int64", list: false, item: "zoned" },
] as const satisfies readonly FeastTypeRow[];

/** A type whose values Merlon can read. */
export type FeastType = (typeof ROWS)[number]["name"];

export const FEAST_TYPES: readonly (FeastTypeRow & { readonly name: FeastType })[] = ROWS;

const byName = new Map<string, (typeof FEAST_TYPES)[number]>(ROWS.map(row => [row.name, row]));
const byNumber: ((typeof FEAST_TYPES)[number] | undefined)[] = [];
for (const row of ROWS) byNumber[row.number] = row;

export const feastType = (name: FeastType): (typeof FEAST_TYPES)[number] => byName.get(name)!;
/** The row of an enum number, or undefined for types that are newer than this table. */
export const feastTypeOf = (number: number): (typeof FEAST_TYPES)[number] | undefined => byNumber[number];

/** Whether values of the type are messages that become JSON text: a map where text is declared is another type, not a wider one. */
export const isStructured = ({ item }: FeastTypeRow): boolean => typeof item === "string" && item !== "zoned";

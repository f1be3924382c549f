/**
 * The columns of a Parquet file, out of its footer alone. https://parquet.apache.org/docs/file-format/metadata
 */
import type { DType } from "../../triton-protos/datatype.js";
import type { ByteSource } from "../bytes/byte-source.js";
import { type List, readStruct, type Struct, type Value } from "./thrift-compact.js";

/** A column of a table; `dtype` is undefined for values that no column can hold, which `type` names. */
export interface TableColumn {
  readonly name: string;
  readonly dtype: DType | undefined;
  readonly type: string;
}

export const PARQUET_MAGIC = "PAR1";
/** A footer of ten thousand columns and row groups is smaller. */
const MOST_FOOTER = 64 << 20;

// Numbers of fields in parquet.thrift.
const FILE = { schema: 2, rows: 3 };
const ELEMENT = { type: 1, repetition: 3, name: 4, children: 5, converted: 6, logical: 10 };
const LOGICAL = { string: 1, enum: 4, integer: 10 };
const INTEGER = { bits: 1, signed: 2 };
const REPEATED = 2;

const PHYSICAL = ["bool", "int32", "int64", "INT96", "float32", "float64", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"];
/** Converted types by number: UTF8, MAP, … */
const CONVERTED =
  "UTF8 MAP MAP_KEY_VALUE LIST ENUM DECIMAL DATE TIME_MILLIS TIME_MICROS TIMESTAMP_MILLIS TIMESTAMP_MICROS UINT_8 UINT_16 UINT_32 UINT_64 INT_8 INT_16 INT_32 INT_64 JSON BSON INTERVAL".split(
    " ",
  );

/** @throws Error that says what is wrong, without the file's name */
export function readParquetColumns(source: ByteSource): {
  readonly columns: readonly TableColumn[];
  readonly rows: number;
} {
  const footer = readFooter(source);
  const elements = (footer.get(FILE.schema)?.value as List | undefined)?.items as readonly Struct[] | undefined;
  const root = elements?.[0];
  if (!elements || !(root instanceof Map)) throw new Error("it is not a whole Parquet file: it has no schema");
  const columns: TableColumn[] = [];
  for (let at = 1; at < elements.length; at = after(elements, at)) columns.push(columnOf(elements[at]!));
  return { columns, rows: Number(footer.get(FILE.rows)?.value ?? 0) };
}

function readFooter(source: ByteSource): Struct {
  const tail = source.size < 12 ? undefined : Buffer.from(source.read(source.size - 8, 8));
  if (tail?.toString("latin1", 4) !== PARQUET_MAGIC)
    throw new Error("it is not a whole Parquet file: it does not end with `PAR1`");
  const length = tail.readUInt32LE(0);
  if (length > source.size - 12 || length > MOST_FOOTER)
    throw new Error(`it is not a whole Parquet file: its footer takes ${length} bytes`);
  try {
    return readStruct(source.read(source.size - 8 - length, length));
  } catch (error) {
    throw new Error(`it is not a whole Parquet file: ${(error as Error).message}`, { cause: error });
  }
}

/** The element that follows a column and all that is inside it. */
function after(elements: readonly Struct[], at: number): number {
  let [next, left] = [at, 1];
  while (left > 0 && next < elements.length) left += numberAt(elements[next++]!, ELEMENT.children) - 1;
  return next;
}

const valueAt = (struct: Struct, field: number): Value | undefined => struct.get(field)?.value;
const numberAt = (struct: Struct, field: number, otherwise = 0): number => {
  const value = valueAt(struct, field);
  return typeof value === "number" ? value : otherwise;
};

function columnOf(element: Struct): TableColumn {
  const named = valueAt(element, ELEMENT.name);
  const name = named instanceof Uint8Array ? Buffer.from(named).toString("utf8") : "";
  if (numberAt(element, ELEMENT.children) > 0 || numberAt(element, ELEMENT.repetition) === REPEATED)
    return { name, dtype: undefined, type: "a list or a record" };
  const type = typeOf(element);
  return { name, type, dtype: isKnown(type) ? type : undefined };
}

function typeOf(element: Struct): string {
  const physical = PHYSICAL[numberAt(element, ELEMENT.type, -1)] ?? "a type of its own";
  const logical = valueAt(element, ELEMENT.logical);
  const integer = logical instanceof Map ? (logical as Struct).get(LOGICAL.integer)?.value : undefined;
  if (integer instanceof Map)
    return `${valueAt(integer, INTEGER.signed) === true ? "" : "u"}int${numberAt(integer, INTEGER.bits)}`;
  if (logical instanceof Map && [LOGICAL.string, LOGICAL.enum].some(field => (logical as Struct).has(field)))
    return "string";
  const converted = CONVERTED[numberAt(element, ELEMENT.converted, -1)];
  if (converted === "UTF8" || converted === "ENUM") return "string";
  const sized = /^(U?)INT_(\d+)$/.exec(converted ?? "");
  if (sized) return `${sized[1]!.toLowerCase()}int${sized[2]}`;
  if (converted) return converted;
  return logical instanceof Map && logical.size > 0 ? `a logical type of ${physical}` : physical;
}

const KNOWN: ReadonlySet<string> = new Set<DType>([
  "bool",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "float32",
  "float64",
  "string",
]);
const isKnown = (type: string): type is DType => KNOWN.has(type);

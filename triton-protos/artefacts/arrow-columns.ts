/**
 * An Arrow IPC file that `merlon fit` wrote → its columns as typed arrays (texts as strings), nulls marked.
 */
import { isAscii } from "node:buffer";
import { type Data, DataType, type Float, type Int, tableFromIPC, type Utf8, type Vector } from "apache-arrow";
import { type DType, datatype, isDType, type Values } from "../datatype.js";

export interface ArrowColumn {
  readonly dtype: DType;
  /** Numbers are views of the file's bytes; bools are 0 and 1. */
  readonly values: Values;
  /** 0 for each null. Absent: there is none. */
  readonly validity?: Uint8Array;
}

/** @throws Error for bytes that are no Arrow file, and for a type that no column has */
export function readArrowColumns(bytes: Uint8Array): Readonly<Record<string, ArrowColumn>> {
  const table = tableFromIPC(bytes);
  return Object.fromEntries(
    table.schema.fields.map(({ name }): [string, ArrowColumn] => {
      const vector = table.getChild(name)!;
      const dtype = dtypeOf(vector.type);
      const validity =
        vector.nullCount > 0
          ? Uint8Array.from({ length: vector.length }, (_, i) => (vector.get(i) === null ? 0 : 1))
          : undefined;
      return [name, { dtype, values: decoded(vector, dtype), ...(validity && { validity }) }];
    }),
  );
}

function decoded(vector: Vector, dtype: DType): Values {
  if (dtype === "bool") return Uint8Array.from({ length: vector.length }, (_, i) => (vector.get(i) === true ? 1 : 0));
  if (dtype !== "string") return vector.toArray() as Values;
  if (vector.nullCount === 0) {
    const [first, ...more] = (vector.data as readonly Data<Utf8>[]).map(texts);
    return more.length === 0 ? (first ?? []) : [first!, ...more].flat();
  }
  return Array.from({ length: vector.length }, (_, i) => (vector.get(i) as string | null) ?? "");
}

/** Longer texts are no longer one string in Node. */
const LONGEST = 2 ** 28;

/** Where all bytes are ASCII, places in the bytes are places in the text: it is decoded once, and each value is a piece of it. */
function texts({ valueOffsets: offsets, values, length }: Data<Utf8>): string[] {
  const [start, end] = [offsets[0]!, offsets[length]!];
  const bytes = Buffer.from(values.buffer, values.byteOffset + start, end - start);
  const found = new Array<string>(length);
  if (bytes.length < LONGEST && isAscii(bytes)) {
    const all = bytes.toString("latin1");
    for (let i = 0; i < length; i++) found[i] = all.slice(offsets[i]! - start, offsets[i + 1]! - start);
  } else
    for (let i = 0; i < length; i++) found[i] = bytes.toString("utf8", offsets[i]! - start, offsets[i + 1]! - start);
  return found;
}

/** @throws Error for a type that no column has */
export function dtypeOf(type: DataType): DType {
  const name = DataType.isUtf8(type)
    ? "string"
    : DataType.isBool(type)
      ? "bool"
      : DataType.isInt(type)
        ? `${(type as Int).isSigned ? "" : "u"}int${(type as Int).bitWidth}`
        : DataType.isFloat(type)
          ? `float${16 << (type as Float).precision}`
          : String(type);
  if (!isDType(name) || datatype(name).duckdb === null) throw new Error(`its values are ${name}, which no column is`);
  return name;
}

/**
 * An Arrow IPC file that `merlon fit` wrote → its columns as typed arrays (texts as strings), nulls marked.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { DataType, type Float, type Int } from "apache-arrow";
import { type DType, datatype, isDType, type Values } from "../../triton-protos/datatype.js";
import { type ArrowPiece, readArrowFile } from "./arrow-file.js";

export interface ArrowColumn {
  readonly dtype: DType;
  /** Numbers are views of the file's bytes; bools are 0 and 1. */
  readonly values: Values;
  /** 0 for each null. Absent: there is none. */
  readonly validity?: Uint8Array;
}

/** @throws Error for bytes that are not a whole Arrow file, and for a type that no column has */
export function readArrowColumns(bytes: Uint8Array): Readonly<Record<string, ArrowColumn>> {
  const { fields, columns } = readArrowFile(bytes);
  return Object.fromEntries(
    fields.map(({ name, type }, i): [string, ArrowColumn] => {
      const pieces = columns[i]!;
      const dtype = columnType(type);
      const validity = pieces.some(({ nulls }) => nulls > 0) && bits(pieces, ({ validity }) => validity, 1);
      return [name, { dtype, values: decoded(pieces, dtype), ...(validity && { validity }) }];
    }),
  );
}

/** Texts as the file has them: text i is `bytes[offsets[i]] … bytes[offsets[i + 1] - 1]`, UTF-8. */
export interface ArrowTexts {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/**
 * A column of texts, not decoded.
 * @returns undefined if it is of another type, has nulls, is in several batches, or is not UTF-8 @throws Error for bytes that are not a whole Arrow file
 */
export function readArrowTexts(bytes: Uint8Array, name: string): ArrowTexts | undefined {
  const { fields, columns } = readArrowFile(bytes);
  const [piece, ...more] = columns[fields.findIndex(field => field.name === name && field.type === "string")] ?? [];
  if (!piece || more.length > 0 || piece.nulls > 0 || piece.rows === 0) return undefined;
  const { values, texts } = piece;
  const aligned = values.byteOffset % 4 === 0 ? values : Uint8Array.from(values);
  const offsets = new Int32Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / 4);
  for (let i = 1; i < piece.rows; i++)
    if (offsets[i]! < offsets[piece.rows]! && (texts[offsets[i]!]! & 0xc0) === 0x80) return undefined;
  return isUtf8(texts.subarray(offsets[0], offsets[piece.rows])) ? { offsets, bytes: texts } : undefined;
}

function decoded(pieces: readonly ArrowPiece[], dtype: DType): Values {
  if (dtype === "bool") {
    const found = bits(pieces, ({ values }) => values, 0);
    const known = bits(pieces, ({ validity }) => validity, 1);
    return found.map((bit, i) => bit & known[i]!);
  }
  if (dtype === "string") {
    const [first, ...more] = pieces.map(textsOf);
    return more.length === 0 ? (first ?? []) : [first!, ...more].flat();
  }
  const { array, bytes } = datatype(dtype);
  const [first, ...more] = pieces;
  const whole = first && more.length === 0 ? first.values : Buffer.concat(pieces.map(({ values }) => values));
  // A view of numbers begins at a multiple of their size.
  const aligned = whole.byteOffset % bytes === 0 ? whole : Uint8Array.from(whole);
  return new array!(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / bytes);
}

/** Bits as bytes. @param absent the byte of a piece that has no bits */
function bits(pieces: readonly ArrowPiece[], of: (piece: ArrowPiece) => Uint8Array, absent: number): Uint8Array {
  const found = new Uint8Array(pieces.reduce((sum, { rows }) => sum + rows, 0));
  let at = 0;
  for (const piece of pieces) {
    const packed = of(piece);
    if (packed.length === 0) found.fill(absent, at, at + piece.rows);
    else for (let i = 0; i < piece.rows; i++) found[at + i] = (packed[i >> 3]! >> (i & 7)) & 1;
    at += piece.rows;
  }
  return found;
}

/** Longer texts are no longer one string in Node. */
const LONGEST = 2 ** 28;

/** If all bytes are ASCII, byte offsets are text offsets: the text is decoded once, and each value is a slice of it. */
function textsOf({ rows, nulls, validity, values, texts }: ArrowPiece): string[] {
  if (rows === 0) return [];
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const offset = (i: number): number => view.getInt32(i * 4, true);
  const [start, end] = [offset(0), offset(rows)];
  const bytes = Buffer.from(texts.buffer, texts.byteOffset + start, end - start);
  const found = new Array<string>(rows);
  if (bytes.length < LONGEST && isAscii(bytes)) {
    const all = bytes.toString("latin1");
    for (let i = 0; i < rows; i++) found[i] = all.slice(offset(i) - start, offset(i + 1) - start);
  } else for (let i = 0; i < rows; i++) found[i] = bytes.toString("utf8", offset(i) - start, offset(i + 1) - start);
  if (nulls > 0) for (let i = 0; i < rows; i++) if (((validity[i >> 3]! >> (i & 7)) & 1) === 0) found[i] = "";
  return found;
}

/** @throws Error for a type that no column has */
export function dtypeOf(type: DataType): DType {
  return columnType(
    DataType.isUtf8(type)
      ? "string"
      : DataType.isBool(type)
        ? "bool"
        : DataType.isInt(type)
          ? `${(type as Int).isSigned ? "" : "u"}int${(type as Int).bitWidth}`
          : DataType.isFloat(type)
            ? `float${16 << (type as Float).precision}`
            : String(type),
  );
}

function columnType(name: string): DType {
  if (!isDType(name) || datatype(name).duckdb === null) throw new Error(`its values are ${name}, which no column is`);
  return name;
}

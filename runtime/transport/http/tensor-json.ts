/**
 * Tensor elements as JSON: nested or flat `data` → raw bytes, raw bytes → flat JSON text.
 */
import { type DatatypeRow, wireDatatype } from "../../../triton-protos/datatype.js";
import { packStrings } from "../../backends/strings.js";
import { RuntimeFault } from "../../errors.js";
import type { Tensor } from "../../tensor.js";
import { asArray, asBoolean, asNumber, asSigned, asUnsigned } from "./access.js";
import { ByteWriter } from "./byte-writer.js";
import type { Json } from "./json.js";
import { NumberList } from "./json-numbers.js";
import { writeDoubles } from "./print-double.js";
import { LONGEST_INTEGER, writeSigned, writeWide } from "./print-integer.js";

const COMMA = 0x2c;
const LONGEST_INT32 = 11;

/**
 * @param elements how many the shape promises
 * @param makeRoom where numbers go
 * @throws RuntimeFault with Triton's text
 */
export function readElements(
  data: Json,
  row: DatatypeRow,
  elements: number,
  makeRoom = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes),
): Uint8Array {
  const flat = data instanceof NumberList ? [data] : flatten(asArray(data, "data"));
  const count = flat.reduce<number>((sum, item) => sum + (item instanceof NumberList ? item.values.length : 1), 0);
  if (count > elements)
    throw new RuntimeFault("INTERNAL", "Unable to parse 'data': Shape does not match true shape of 'data' field");
  if (!row.array) {
    const strings = flat.map(readString);
    requireCount(count, elements);
    return packStrings(strings);
  }
  const size = count * row.bytes;
  const buffer = makeRoom(size);
  const values = new row.array(buffer, 0, count);
  const read = READERS[row.kind as keyof typeof READERS];
  const big = row.bytes === 8 && row.kind !== "float";
  const plain = row.kind === "float";
  let at = 0;
  for (const item of flat) {
    if (item instanceof NumberList) {
      if (!plain) requireKind(item, row.kind, read);
      if (big) setWide(buffer, at, item.values);
      else (values as Float64Array).set(item.values, at);
      at += item.values.length;
      item.release();
      continue;
    }
    if (plain && typeof item === "number") {
      values[at++] = item as never;
      continue;
    }
    const value = read(item);
    values[at++] = (
      big ? BigInt(value) : Number(typeof value === "bigint" ? BigInt.asIntN(53, value) : value)
    ) as never;
  }
  requireCount(count, elements);
  return new Uint8Array(buffer, 0, size);
}

/** @throws RuntimeFault as for the first element that is not of the kind */
function requireKind({ values, isWhole }: NumberList, kind: string, read: (json: Json) => unknown): void {
  if (kind === "bool" || !isWhole) read(Number.NaN);
  if (kind === "uint") for (let i = 0; i < values.length; i++) if (values[i]! < 0) read(values[i]!);
}

/** Integers as 64 bits, two halves each. */
function setWide(buffer: ArrayBuffer, from: number, values: Float64Array): void {
  const halves = new Uint32Array(buffer, 8 * from, 2 * values.length);
  for (let i = 0; i < values.length; i++) {
    const upper = Math.floor(values[i]! / 2 ** 32);
    halves[2 * i] = values[i]! - upper * 2 ** 32;
    halves[2 * i + 1] = upper;
  }
}

function readString(json: Json): string {
  if (typeof json === "string") return json;
  throw new RuntimeFault("INTERNAL", "Unable to parse JSON bytes array: attempt to access JSON non-string as string");
}

const READERS = {
  bool: (json: Json): number | bigint => (asBoolean(json, "data") ? 1 : 0),
  uint: (json: Json): number | bigint => asUnsigned(json, "data"),
  int: (json: Json): number | bigint => asSigned(json, "data"),
  float: (json: Json): number | bigint => asNumber(json, "data"),
};

function requireCount(found: number, expected: number): void {
  if (found !== expected)
    throw new RuntimeFault("INTERNAL", "Failed to parse 'data' field: shape does not match true shape");
}

/** Lists in lists of a tensor's `data`. Triton's own HTTP suite sends 120 of them to be refused in these words, and 50 to be taken. */
const MAX_NESTING = 100;

function flatten(items: readonly Json[]): readonly Json[] {
  if (!items.some(item => Array.isArray(item))) return items;
  const flat: Json[] = [];
  const add = (item: Json, depth: number): void => {
    const isList = Array.isArray(item) || item instanceof NumberList;
    if (isList && depth > MAX_NESTING)
      throw new RuntimeFault("INVALID_ARGUMENT", `JSON nesting depth exceeds maximum allowed limit (${MAX_NESTING})`);
    if (Array.isArray(item)) for (const one of item) add(one, depth + 1);
    else flat.push(item);
  };
  add(items, 1);
  return flat;
}

/** @throws RuntimeFault for a datatype that JSON cannot carry */
export function requireJson(datatype: string): void {
  if (!wireDatatype(datatype)?.contents)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `sending ${datatype} data via JSON is not supported. Please use the binary data format for output`,
    );
}

/** The elements of a tensor, comma-separated, as a binary string (one character per byte of UTF-8). */
export function printElements(tensor: Tensor): string {
  const to = new ByteWriter();
  writeElements(tensor, to);
  return to.written.toString("latin1");
}

/** Writes the elements of a tensor, comma-separated. */
export function writeElements({ datatype, data }: Tensor, to: ByteWriter): void {
  const row = wireDatatype(datatype)!;
  if (!row.array) {
    to.text(printStrings(data));
    return;
  }
  const aligned = data.byteOffset % row.bytes === 0 ? data : Uint8Array.from(data);
  const values = new row.array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / row.bytes);
  if (row.kind === "bool") to.text(Array.from(values as Uint8Array, value => (value ? "true" : "false")).join(","));
  else if (row.kind === "float") writeDoubles(values as Float64Array, to);
  else if (row.bytes === 8) writeWides(values as BigInt64Array | BigUint64Array, to);
  else writeIntegers(values as Int32Array, to);
}

function writeIntegers(values: ArrayLike<number>, to: ByteWriter): void {
  to.reserve(values.length * (LONGEST_INT32 + 1));
  for (let i = 0; i < values.length; i++) {
    if (i > 0) to.bytes[to.at++] = COMMA;
    to.at = writeSigned(values[i]!, to.bytes, to.at);
  }
}

function writeWides(values: BigInt64Array | BigUint64Array, to: ByteWriter): void {
  const { buffer, byteOffset, length } = values;
  const lower = new Uint32Array(buffer, byteOffset, 2 * length);
  const upper = values instanceof BigInt64Array ? new Int32Array(buffer, byteOffset, 2 * length) : lower;
  to.reserve(length * (LONGEST_INTEGER + 1));
  for (let i = 0; i < length; i++) {
    if (i > 0) to.bytes[to.at++] = COMMA;
    to.at = writeWide(upper[2 * i + 1]!, lower[2 * i]!, to.bytes, to.at);
  }
}

function printStrings(data: Uint8Array): string {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const parts: string[] = [];
  for (let at = 0; at + 4 <= buffer.length; ) {
    const length = buffer.readUInt32LE(at);
    parts.push(quoteBinary(buffer.toString("latin1", at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return parts.join(",");
}

/** Text → JSON string, both as binary strings. */
export const quoteText = (text: string): string =>
  PLAIN.test(text) ? `"${text}"` : quoteBinary(Buffer.from(text).toString("latin1"));
/** Nothing to escape, and one byte for each character. */
const PLAIN = /^[ !#-[\]-~]*$/;

const quoteBinary = (binary: string): string =>
  `"${binary.replace(/[^ !#-[\]-\uffff]/g, char => SHORT[char] ?? `\\u00${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)}"`;
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

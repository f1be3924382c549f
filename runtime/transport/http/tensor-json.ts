/**
 * Tensor elements as JSON: nested or flat `data` → raw bytes, raw bytes → flat JSON text.
 */
import { type DatatypeRow, wireDatatype } from "../../../triton-protos/datatype.js";
import { packStrings } from "../../backends/strings.js";
import { RuntimeFault } from "../../errors.js";
import type { Tensor } from "../../tensor.js";
import { asArray, asBoolean, asNumber, asSigned, asUnsigned } from "./access.js";
import type { Json } from "./json.js";
import { printDoubles } from "./print-double.js";

/**
 * @param elements how many the shape promises
 * @throws RuntimeFault with Triton's text
 */
export function readElements(data: Json, row: DatatypeRow, elements: number): Uint8Array {
  const flat = flatten(asArray(data, "data"));
  if (flat.length > elements)
    throw new RuntimeFault("INTERNAL", "Unable to parse 'data': Shape does not match true shape of 'data' field");
  if (!row.array) {
    const strings = flat.map(readString);
    requireCount(flat.length, elements);
    return packStrings(strings);
  }
  const values = new row.array(flat.length);
  const read = READERS[row.kind as keyof typeof READERS];
  const big = row.bytes === 8 && row.kind !== "float";
  const plain = row.kind === "float";
  for (let i = 0; i < flat.length; i++) {
    const item = flat[i]!;
    if (plain && typeof item === "number") {
      values[i] = item as never;
      continue;
    }
    const value = read(item);
    values[i] = (big ? BigInt(value) : Number(typeof value === "bigint" ? BigInt.asIntN(53, value) : value)) as never;
  }
  requireCount(flat.length, elements);
  return new Uint8Array(values.buffer);
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
  const add = (list: readonly Json[], depth: number): void => {
    if (depth > MAX_NESTING)
      throw new RuntimeFault("INVALID_ARGUMENT", `JSON nesting depth exceeds maximum allowed limit (${MAX_NESTING})`);
    for (const item of list)
      if (Array.isArray(item)) add(item, depth + 1);
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
export function printElements({ datatype, data }: Tensor): string {
  const row = wireDatatype(datatype)!;
  if (!row.array) return printStrings(data);
  const aligned = data.byteOffset % row.bytes === 0 ? data : Uint8Array.from(data);
  const values = new row.array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / row.bytes);
  if (row.kind === "bool") return Array.from(values as Uint8Array, value => (value ? "true" : "false")).join(",");
  if (row.kind === "float") return printDoubles(values as Float64Array);
  return values.join(",");
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
export const quoteText = (text: string): string => quoteBinary(Buffer.from(text).toString("latin1"));

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

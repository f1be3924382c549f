/**
 * Tensor elements → flat JSON text.
 */
import { type DatatypeRow, wireDatatype } from "../../../../triton-protos/datatype.js";
import { invalid } from "../../../base/errors.js";
import { atOnce, type Sliced } from "../../../base/slices.js";
import type { Tensor } from "../../../base/tensor.js";
import { ByteWriter } from "./byte-writer.js";

const [COMMA, QUOTE, BACKSLASH] = [0x2c, 0x22, 0x5c] as const;

/** @throws RuntimeFault for a datatype that JSON cannot carry */
export function requireJson(datatype: string): void {
  if (!wireDatatype(datatype)?.contents)
    throw invalid(`sending ${datatype} data via JSON is not supported. Please use the binary data format for output`);
}

/** The elements of a tensor, comma-separated, as a binary string (one character per byte of UTF-8). */
export function printElements(tensor: Tensor): string {
  const to = new ByteWriter();
  atOnce(writeElements(tensor, to));
  return to.pieces.map(piece => piece.toString("latin1")).join("");
}

/** Writes the elements of a tensor, comma-separated. */
export function* writeElements(tensor: Tensor, to: ByteWriter): Sliced<void> {
  const row = wireDatatype(tensor.datatype)!;
  if (!row.array) return yield* writeStrings(tensor.data, to);
  const values = valuesOf(tensor, row);
  for (let from = 0; from < values.length; from += AT_A_TIME) {
    if (from > 0 && from % BETWEEN_PAUSES === 0) yield;
    writePart(values, from, row, to);
  }
}

/** The same of a tensor that takes no time. */
export function writeFewElements(tensor: Tensor, to: ByteWriter): void {
  const row = wireDatatype(tensor.datatype)!;
  if (!row.array) {
    atOnce(writeStrings(tensor.data, to));
    return;
  }
  const values = valuesOf(tensor, row);
  for (let from = 0; from < values.length; from += AT_A_TIME) writePart(values, from, row, to);
}

type Numbers = InstanceType<NonNullable<DatatypeRow["array"]>>;

function valuesOf({ data }: Tensor, row: DatatypeRow): Numbers {
  const aligned = data.byteOffset % row.bytes === 0 ? data : Uint8Array.from(data);
  return new row.array!(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / row.bytes);
}

/** Elements that are written at a time, and those between two pauses. */
const AT_A_TIME = 256;
const BETWEEN_PAUSES = 2048;

function writePart(values: Numbers, from: number, row: DatatypeRow, to: ByteWriter): void {
  const part = values.subarray(from, from + AT_A_TIME);
  if (from > 0) to.text(",");
  if (row.kind === "float" || row.kind === "bool") {
    const print = row.kind === "float" ? printDouble : (value: number) => String(value !== 0);
    let text = print(Number(part[0]));
    for (let i = 1; i < part.length; i++) text += `,${print(Number(part[i]))}`;
    to.text(text);
  } else to.text(part.join(","));
}

/** A number with the type of a float, also if it is whole; not finite: JavaScript's names, as in Triton's responses. */
export function printDouble(value: number): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return Number.isInteger(value) && !text.includes("e") ? `${text}.0` : text;
}

/** Bytes of strings that are escaped at a time; each may become six. */
const TEXT_AT_A_TIME = 4096;
const LONGEST_ESCAPE = 6;

function* writeStrings(data: Uint8Array, to: ByteWriter): Sliced<void> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let pause = TEXT_AT_A_TIME;
  for (let at = 0; at + 4 <= data.length; ) {
    const end = Math.min(data.length, at + 4 + view.getUint32(at, true));
    to.reserve(2);
    if (at > 0) to.bytes[to.at++] = COMMA;
    to.bytes[to.at++] = QUOTE;
    for (let from = at + 4; from < end; from += TEXT_AT_A_TIME) {
      writeEscaped(data, from, Math.min(end, from + TEXT_AT_A_TIME), to);
      if (end - from > TEXT_AT_A_TIME) yield;
    }
    to.reserve(1);
    to.bytes[to.at++] = QUOTE;
    at = end;
    if (at < pause) continue;
    pause = at + TEXT_AT_A_TIME;
    yield;
  }
}

/** Writes a text as a JSON string. */
export function* writeQuoted(text: string, to: ByteWriter): Sliced<void> {
  if (text.length < TEXT_AT_A_TIME) return to.text(quoteText(text));
  const bytes = Buffer.from(text);
  to.text('"');
  for (let from = 0; from < bytes.length; from += TEXT_AT_A_TIME) {
    writeEscaped(bytes, from, Math.min(bytes.length, from + TEXT_AT_A_TIME), to);
    yield;
  }
  to.text('"');
}

function writeEscaped(data: Uint8Array, from: number, end: number, to: ByteWriter): void {
  to.reserve((end - from) * LONGEST_ESCAPE);
  const { bytes } = to;
  let { at } = to;
  for (let i = from; i < end; i++) {
    const c = data[i]!;
    if (c >= 0x20 && c !== QUOTE && c !== BACKSLASH) {
      bytes[at++] = c;
      continue;
    }
    const char = String.fromCharCode(c);
    const escaped = SHORT[char] ?? controlEscape(c);
    for (let j = 0; j < escaped.length; j++) bytes[at++] = escaped.charCodeAt(j);
  }
  to.at = at;
}

/** Text → JSON string, both as binary strings. */
export const quoteText = (text: string): string =>
  PLAIN.test(text) ? `"${text}"` : quoteBinary(Buffer.from(text).toString("latin1"));
/** Nothing to escape, and one byte for each character. */
const PLAIN = /^[ !#-[\]-~]*$/;

const quoteBinary = (binary: string): string =>
  `"${binary.replace(/[^ !#-[\]-\uffff]/g, char => SHORT[char] ?? controlEscape(char.charCodeAt(0)))}"`;
const controlEscape = (c: number): string => `\\u00${c.toString(16).toUpperCase().padStart(2, "0")}`;
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/**
 * Protobuf text format: `parsePbtxt("inference.ModelConfig", text, file)` → complete message, `printPbtxt` → the text as people write it.
 */

import protobuf, { type Enum, type Field, type Type } from "protobufjs/light.js";
import type { Messages } from "./gen/messages.js";
import { complete, type Init, type MessageName, messageType } from "./proto-root.js";
import { readTextMessage, TextFault } from "./text-format/read-message.js";
import { shapeOf } from "./text-format/shapes.js";
import { bytesOf, type Complaint } from "./text-format/tokens.js";

/** A text that is not such a message: `line` and `column` (from 1, in characters) say where, the message begins with `file:line:column`. */
export class PbtxtError extends Error {
  override readonly name = "PbtxtError";
  constructor(
    readonly file: string,
    readonly line: number,
    readonly column: number,
    readonly reason: string,
    /** What libprotobuf says about it, at its own positions; nothing where it takes such a text. */
    readonly complaints: readonly Complaint[] = [],
  ) {
    super(`${file}:${line}:${column}: ${reason}`);
  }
}

/** Texts above this are refused: no configuration is that long. */
const MAX_LENGTH = 1 << 20;

/** @throws PbtxtError */
export function parsePbtxt<K extends MessageName>(name: K, text: string | Uint8Array, file: string): Messages[K] {
  if (text.length > MAX_LENGTH)
    throw new PbtxtError(file, 1, 1, `the file has ${text.length} characters; at most ${MAX_LENGTH} are read`);
  const type = messageType(name);
  const bytes = bytesOf(text);
  try {
    return complete(type, readTextMessage(shapeOf(type), bytes)) as Messages[K];
  } catch (error) {
    if (!(error instanceof TextFault)) throw error;
    const before = Buffer.from(bytes.slice(0, error.at), "latin1").toString("utf8").split("\n");
    throw new PbtxtError(
      file,
      before.length,
      before.at(-1)!.length + 1,
      readable(error.reason),
      error.complaints.map(one => ({ ...one, message: readable(one.message) })),
    );
  }
}

/** Bytes as text; those that are no UTF-8 as `\xef`. */
const readable = (bytes: string): string =>
  bytes.replace(/[\x80-\xff]+/g, run => {
    const text = Buffer.from(run, "latin1").toString("utf8");
    return text.includes("\ufffd") ? run.replace(/./gs, byte => `\\x${byte.charCodeAt(0).toString(16)}`) : text;
  });

/**
 * Prints a message: fields in the order of their declaration, lists in brackets, two-space indents, what equals its default left out.
 * Byte-stable for equal messages.
 */
export function printPbtxt<K extends MessageName>(name: K, message: Init<Messages[K]>): string {
  return `${printFields(messageType(name), message as Record<string, unknown>, "").join("\n")}\n`;
}

const printFields = (type: Type, message: Record<string, unknown>, indent: string): string[] =>
  type.fieldsArray.flatMap(field => printField(field.resolve(), message[field.name], indent));

function printField(field: Field, value: unknown, indent: string): string[] {
  if (value === undefined || value === null) return [];
  const type = field.resolvedType;
  const block = (label: string, item: unknown, at: string): string[] => {
    const body = printFields(type as Type, item as Record<string, unknown>, `${at}  `);
    return body.length === 0 ? [`${at}${label}{ }`] : [`${at}${label}{`, ...body, `${at}}`];
  };
  if (field.map)
    return Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, item]) => [
        `${indent}${field.name} {`,
        `${indent}  key: ${/int/.test((field as Field & { keyType: string }).keyType) ? key : quote(key)}`,
        ...(type instanceof protobuf.Type
          ? block("value ", item, `${indent}  `)
          : [`${indent}  value: ${printScalar(field, item)}`]),
        `${indent}}`,
      ]);
  if (field.repeated) {
    const items = value as readonly unknown[];
    if (items.length === 0) return [];
    if (!(type instanceof protobuf.Type))
      return [`${indent}${field.name}: [ ${items.map(item => printScalar(field, item)).join(", ")} ]`];
    const blocks = items.map(item => block("", item, `${indent}  `).join("\n"));
    return [`${indent}${field.name} [`, blocks.join(",\n"), `${indent}]`];
  }
  if (type instanceof protobuf.Type) return block(`${field.name} `, value, indent);
  return isDefault(field, value) ? [] : [`${indent}${field.name}: ${printScalar(field, value)}`];
}

function isDefault(field: Field, value: unknown): boolean {
  if (field.partOf) return false;
  if (field.resolvedType) return value === 0 || (field.resolvedType as Enum).values[String(value)] === 0;
  return value === "" || value === false || Object.is(value, 0) || (value instanceof Uint8Array && value.length === 0);
}

function printScalar(field: Field, value: unknown): string {
  if (field.resolvedType)
    return typeof value === "number"
      ? ((field.resolvedType as Enum).valuesById[value] ?? String(value))
      : String(value);
  if (typeof value === "string") return quote(value);
  if (value instanceof Uint8Array) return quote(Buffer.from(value).toString("latin1"), true);
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  if (Object.is(value, -0)) return "-0";
  return Number.isNaN(value) ? "nan" : String(value);
}

const ESCAPES: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
const octal = (char: string): string => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`;

/** Text stays readable UTF-8; only quotes, backslashes and control characters (and every byte above ASCII of `bytes`) are escaped. */
const quote = (text: string, bytes = false): string =>
  `"${text.replace(bytes ? /[^ !#-[\]-~]/g : /["\\\p{Cc}]/gu, char => ESCAPES[char] ?? (bytes || char < "\x7f" ? octal(char) : escapeUtf8(char)))}"`;

const escapeUtf8 = (char: string): string =>
  [...Buffer.from(char)].map(byte => `\\${byte.toString(8).padStart(3, "0")}`).join("");

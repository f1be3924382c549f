/**
 * Protobuf text format: `parsePbtxt("inference.ModelConfig", text, file)` → complete message, `printPbtxt` → the text as people write it.
 */
import { complete } from "./complete-message.js";
import { MAX_CONFIG_BYTES } from "./config-limits.js";
import type { Messages } from "./gen/messages.js";
import { type FieldShape, type Init, type MessageName, type Shape, shapeOf } from "./message-shape.js";
import { readTextMessage, TextFault } from "./text-format/read-message.js";
import { bytesOf, type Complaint } from "./text-format/tokens.js";

/** A text that is not such a message: `line` and `column` (from 1, in characters) say where, the message begins with `file:line:column`. */
export class PbtxtError extends Error {
  override readonly name = "PbtxtError";
  constructor(
    readonly file: string,
    readonly line: number,
    readonly column: number,
    readonly reason: string,
    /** libprotobuf's complaints, at its own positions; empty if it accepts the text. */
    readonly complaints: readonly Complaint[] = [],
  ) {
    super(`${file}:${line}:${column}: ${reason}`);
  }
}

/** @throws PbtxtError */
export function parsePbtxt<K extends MessageName>(name: K, text: string | Uint8Array, file: string): Messages[K] {
  if (text.length > MAX_CONFIG_BYTES)
    throw new PbtxtError(file, 1, 1, `the file has ${text.length} characters; at most ${MAX_CONFIG_BYTES} are read`);
  const bytes = bytesOf(text);
  try {
    return complete(name, readTextMessage(shapeOf(name), bytes));
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

/** Bytes as text; those that are not UTF-8 as `\xef`. */
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
  return `${printFields(shapeOf(name), message as Record<string, unknown>, "").join("\n")}\n`;
}

const printFields = ({ fields }: Shape, message: Record<string, unknown>, indent: string): string[] =>
  [...fields.values()].flatMap(field => printField(field, message[field.name], indent));

function printField(field: FieldShape, value: unknown, indent: string): string[] {
  if (value === undefined || value === null) return [];
  if (field.isMap) return printMap(field, value, indent);
  const { message } = field;
  if (field.repeated) {
    const items = value as readonly unknown[];
    if (items.length === 0) return [];
    if (!message) return [`${indent}${field.name}: [ ${items.map(item => printScalar(field, item)).join(", ")} ]`];
    const blocks = items.map(item => printBlock(message, "", item, `${indent}  `).join("\n"));
    return [`${indent}${field.name} [`, blocks.join(",\n"), `${indent}]`];
  }
  if (message) return printBlock(message, `${field.name} `, value, indent);
  return isDefault(field, value) ? [] : [`${indent}${field.name}: ${printScalar(field, value)}`];
}

function printMap({ name, message: entry }: FieldShape, value: object, indent: string): string[] {
  const [keyField, field] = entry!.fields.values();
  const { message } = field!;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, item]) => [
      `${indent}${name} {`,
      `${indent}  key: ${/int/.test(keyField!.scalar) ? key : quote(key)}`,
      ...(message
        ? printBlock(message, "value ", item, `${indent}  `)
        : [`${indent}  value: ${printScalar(field!, item)}`]),
      `${indent}}`,
    ]);
}

function printBlock(message: Shape, label: string, item: unknown, indent: string): string[] {
  const body = printFields(message, item as Record<string, unknown>, `${indent}  `);
  return body.length === 0 ? [`${indent}${label}{ }`] : [`${indent}${label}{`, ...body, `${indent}}`];
}

function isDefault(field: FieldShape, value: unknown): boolean {
  if (field.oneof) return false;
  if (field.enum) return value === 0 || field.enum.numbers[String(value)] === 0;
  return value === "" || value === false || Object.is(value, 0) || (value instanceof Uint8Array && value.length === 0);
}

function printScalar(field: FieldShape, value: unknown): string {
  if (field.enum) return field.enum.names.get(value) ?? String(value);
  if (typeof value === "string") return quote(value);
  if (value instanceof Uint8Array) return quote(Buffer.from(value).toString("latin1"), true);
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  if (Object.is(value, -0)) return "-0";
  return Number.isNaN(value) ? "nan" : String(value);
}

const ESCAPES: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
const octal = (char: string): string => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`;

/** Text stays readable UTF-8. Only quotes, backslashes and control characters (and every byte above ASCII of `bytes`) are escaped. */
const quote = (text: string, bytes = false): string =>
  `"${text.replace(bytes ? /[^ !#-[\]-~]/g : /["\\\p{Cc}]/gu, char => ESCAPES[char] ?? (bytes || char < "\x7f" ? octal(char) : escapeUtf8(char)))}"`;

const escapeUtf8 = (char: string): string =>
  [...Buffer.from(char)].map(byte => `\\${byte.toString(8).padStart(3, "0")}`).join("");

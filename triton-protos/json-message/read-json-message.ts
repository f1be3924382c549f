/**
 * A message as JSON → its fields, as libprotobuf reads them. Names have either spelling, numbers may be text, one value may stand for a
 * list, and enums have any case. Its refusals have libprotobuf's words.
 */
import type { FieldShape, Shape } from "../message-shape.js";
import { isNumber, isObject, type JsonObject, type JsonValue, parseJson } from "./parse-json.js";

type Fields = Record<string, unknown>;

/**
 * @returns a plain object without the fields that are not set; integers of 64 bits are bigint
 * @throws Error with libprotobuf's text
 */
export function readJsonMessage(shape: Shape, text: string): Fields {
  const json = parseJson(text);
  if (json === null || !isObject(json)) throw new Error(": Root element must be a message.");
  const reader = new JsonReader();
  const message = reader.message(shape, json, "");
  if (reader.complaint !== undefined) throw new Error(reader.complaint);
  return message;
}

/** @param path of the message that a complaint is about; empty for the whole */
const inFront = (path: string): string => (path ? `(${path})` : "");

class JsonReader {
  /** Parsing continues to the end, and the last complaint is kept. */
  complaint: string | undefined;

  #badName(path: string, name: string, message: string): void {
    this.complaint = `${inFront(path)}${path && " "}${name}: ${message}`;
  }

  #badValue(path: string, value: string, type: string): undefined {
    this.complaint = `${inFront(path)}: invalid value ${value} for type ${type}`;
  }

  message(shape: Shape, { members }: JsonObject, path: string): Fields {
    const message: Fields = {};
    for (const [key, value] of members) {
      const field = shape.fields.get(key) ?? camelFields(shape).get(key);
      if (!field) this.#badName(path, key, "Cannot find field.");
      else if (value !== null) this.#field(field, key, value, message, path);
    }
    return message;
  }

  #field(field: FieldShape, key: string, value: JsonValue, message: Fields, path: string): void {
    const { name, oneof } = field;
    const inner = path ? `${path}.${name}` : name;
    if (field.isMap) {
      if (isObject(value)) message[name] = this.#map(field.message!, value, inner);
      else if (Array.isArray(value)) this.#badValue(path, `Cannot bind a list to map for field '${name}'.`, "Map");
      else this.#badName(path, key, "Cannot bind a scalar to map.");
      return;
    }
    if (field.repeated) {
      const items = (message[name] ?? []) as unknown[];
      message[name] = items;
      this.#list(field, value, items, path, inner);
      return;
    }
    if (Array.isArray(value)) {
      this.#badName(path, key, "Proto field is not repeating, cannot start list.");
      return;
    }
    if (oneof?.members.some(member => message[member] !== undefined)) {
      this.#badValue(path, `oneof field '${oneof.name}' is already set. Cannot set '${name}'`, "oneof");
      return;
    }
    const read = this.#value(field, value, path, inner);
    if (read !== undefined) message[name] = read;
  }

  /** A list, one value that stands for a list, or lists in a list, which count as one. */
  #list(field: FieldShape, value: JsonValue, items: unknown[], path: string, inner: string): void {
    if (!Array.isArray(value)) {
      const read = this.#value(field, value, path, inner);
      if (read !== undefined) items.push(read);
      return;
    }
    for (const [i, item] of (value as readonly JsonValue[]).entries()) {
      if (item === null) continue;
      if (Array.isArray(item)) this.#list(field, item, items, path, inner);
      else {
        const read = this.#value(field, item, path, `${inner}[${i}]`);
        if (read !== undefined) items.push(read);
      }
    }
  }

  #map({ fields }: Shape, { members }: JsonObject, path: string): Fields {
    const entries: Fields = Object.create(null);
    for (const [i, [key, value]] of members.entries()) {
      const read =
        value === null ? undefined : this.#value(fields.get("value")!, value, `${path}[${i}]`, `${path}[${i}].value`);
      if (read !== undefined) entries[key] = read;
    }
    return entries;
  }

  /** @param inner the value's own path; complaints about what it may not be at all have that of its message */
  #value(field: FieldShape, value: JsonValue, path: string, inner: string): unknown {
    const { message, enum: words, scalar, name } = field;
    if (value !== null && isObject(value)) {
      if (message) return this.message(message, value, inner);
      return this.#badValue(path, "Starting an object on a scalar field", name);
    }
    const shown = show(value);
    if (message) return this.#badValue(inner, shown, `type.googleapis.com/${message.name}`);
    const read = words ? toEnum(words.numbers, value) : toScalar(scalar, value);
    if (read !== undefined) return read;
    return this.#badValue(inner, shown, words ? `type.googleapis.com/${words.name}` : `TYPE_${scalar.toUpperCase()}`);
  }
}

const inCamelCase = new WeakMap<Shape, ReadonlyMap<string, FieldShape>>();

function camelFields(shape: Shape): ReadonlyMap<string, FieldShape> {
  let fields = inCamelCase.get(shape);
  if (!fields) {
    fields = new Map([...shape.fields.values()].map(field => [camel(field.name), field]));
    inCamelCase.set(shape, fields);
  }
  return fields;
}

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const show = (value: JsonValue): string =>
  typeof value === "string"
    ? `"${value}"`
    : value !== null && isNumber(value)
      ? /^-?\d+$/.test(value.number)
        ? value.number
        : String(Number(value.number))
      : String(value);

function toEnum(values: Readonly<Record<string, number>>, value: JsonValue): number | undefined {
  if (typeof value !== "string") return toScalar("int32", value) as number | undefined;
  const wanted = value.replaceAll("-", "_").toUpperCase();
  return Object.entries(values).find(([name]) => name.toUpperCase() === wanted)?.[1];
}

function toScalar(type: string, value: JsonValue): unknown {
  const text = typeof value === "string" ? value : value !== null && isNumber(value) ? value.number : undefined;
  switch (type) {
    case "string":
      return typeof value === "string" ? value : undefined;
    case "bytes":
      return typeof value === "string" ? Buffer.from(value, "base64") : undefined;
    case "bool":
      return typeof value === "boolean"
        ? value
        : typeof value === "string"
          ? BOOLEANS.get(value.toLowerCase())
          : undefined;
    case "float":
    case "double":
      return text === undefined ? undefined : toDouble(text);
    default:
      return text === undefined ? undefined : toInteger(type, text);
  }
}

function toDouble(text: string): number | undefined {
  if (text === "NaN") return Number.NaN;
  const number = Number(text);
  return text.trim() === "" || Number.isNaN(number) ? undefined : number;
}

function toInteger(type: string, text: string): bigint | number | undefined {
  const bits = type.endsWith("64") ? 64 : 32;
  const signed = !/^(?:u|fixed)/.test(type);
  const whole = /^[+-]?\d+$/.test(text) ? BigInt(text.replace("+", "")) : wholeDouble(text);
  if (whole === undefined) return undefined;
  const fits = signed ? BigInt.asIntN(bits, whole) === whole : BigInt.asUintN(bits, whole) === whole;
  return fits ? (bits === 64 ? whole : Number(whole)) : undefined;
}

/** `8.0` and `1e3` are whole numbers, too. */
const wholeDouble = (text: string): bigint | undefined =>
  /^[+-]?\d*(?:\.\d*)?(?:[eE][+-]?\d+)?$/.test(text) && text !== "" && Number.isInteger(Number(text))
    ? BigInt(Number(text))
    : undefined;

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["true", "t", "yes", "y", "1"].map(word => [word, true] as const),
  ...["false", "f", "no", "n", "0"].map(word => [word, false] as const),
]);

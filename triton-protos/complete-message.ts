/**
 * A message as it was written or decoded → a complete one. Scalars and lists always exist, sub-messages and members of a oneof only if they
 * were set. Enums are names, 64-bit integers are numbers (versions of models are bigint if a number would lose digits).
 */
import type { Messages } from "./gen/messages.js";
import { type FieldShape, type MessageName, type Shape, shapeOf } from "./message-shape.js";

/** @param message enums may be names or numbers, 64-bit integers bigints or what protobufjs makes of them */
export const complete = <K extends MessageName>(name: K, message: object): Messages[K] =>
  completeMessage(shapeOf(name), message as Fields) as unknown as Messages[K];

type Fields = Readonly<Record<string, unknown>>;

function completeMessage({ fields }: Shape, message: Fields): Fields {
  const whole: Record<string, unknown> = {};
  for (const field of fields.values()) {
    const value = completeField(field, message);
    if (value !== undefined) whole[field.name] = value;
  }
  return whole;
}

function completeField(field: FieldShape, message: Fields): unknown {
  const value = Object.hasOwn(message, field.name) ? (message[field.name] ?? undefined) : undefined;
  if (field.isMap) {
    const [key, item] = field.message!.fields.values();
    return Object.fromEntries(
      Object.entries(value ?? {}).map(([at, one]) => [mapKey(key!, at), completeValue(item!, one)]),
    );
  }
  if (field.repeated) return ((value as unknown[] | undefined) ?? []).map(item => completeValue(field, item));
  if (value !== undefined) return completeValue(field, value);
  return field.oneof || field.message ? undefined : defaultOf(field);
}

function completeValue({ name, scalar, message, enum: words }: FieldShape, value: unknown): unknown {
  if (message) return completeMessage(message, value as Fields);
  if (words) return words.names.get(value) ?? value;
  if (scalar === "int64" && VERSION.test(name)) return exact(value as Integer);
  if (typeof value === "bigint") return Number(value);
  return typeof value === "object" && value !== null && "toNumber" in value
    ? (value as { toNumber(): number }).toNumber()
    : value;
}

/** Fields that name versions of models, from scripts/gen-protos.mjs. */
const VERSION = /^(?:model_)?versions?$/;

type Integer = number | bigint | { toString(): string };

function exact(value: Integer): number | bigint {
  if (typeof value === "number") return value;
  const whole = BigInt(value.toString());
  return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
}

function defaultOf({ enum: words, scalar }: FieldShape): unknown {
  if (words) return words.names.get(0);
  if (scalar === "string") return "";
  if (scalar === "bool") return false;
  return scalar === "bytes" ? new Uint8Array() : 0;
}

/** protobufjs keeps 64-bit keys of a decoded map as eight characters, a byte each. */
function mapKey({ scalar }: FieldShape, key: string): string {
  if (!scalar.endsWith("64") || key.length !== 8 || /^\d+$/.test(key)) return key;
  const bytes = Buffer.from(key, "latin1");
  return String(scalar === "uint64" ? bytes.readBigUInt64LE() : bytes.readBigInt64LE());
}

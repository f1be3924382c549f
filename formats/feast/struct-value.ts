/**
 * JSON objects ↔ the bytes of `google.protobuf.Struct`, in which Merlin's schemas keep a column's properties.
 */
import type { JsonValue } from "../../contract/schema.js";
import { type Cursor, cursor, nextTag, readSpan, readString, readVarint, take } from "../bytes/wire.js";
import { bytesMember, fixed64Member, message, stringField, stringMember, varintMember } from "../bytes/wire-writer.js";

export type JsonObject = { readonly [key: string]: JsonValue };

export const encodeStruct = (object: JsonObject): Uint8Array =>
  message(
    ...Object.entries(object).map(([key, value]) =>
      bytesMember(1, message(stringField(1, key), bytesMember(2, encodeValue(value)))),
    ),
  );

function encodeValue(value: JsonValue): Uint8Array {
  if (value === null) return varintMember(1, 0);
  if (typeof value === "number") return fixed64Member(2, value);
  if (typeof value === "string") return stringMember(3, value);
  if (typeof value === "boolean") return varintMember(4, Number(value));
  if (Array.isArray(value)) return bytesMember(6, message(...value.map(item => bytesMember(1, encodeValue(item)))));
  return bytesMember(5, encodeStruct(value));
}

/** @throws WireError if the bytes are not a Struct */
export const decodeStruct = (bytes: Uint8Array): JsonObject => readStruct(cursor(bytes));

function readStruct(c: Cursor): JsonObject {
  // Not an object yet: assigning to `__proto__` would set its prototype.
  const members: [key: string, value: JsonValue][] = [];
  while (nextTag(c)) {
    const entry = readSpan(c);
    let key = "";
    let value: JsonValue = null;
    for (let tag = nextTag(entry); tag; tag = nextTag(entry)) {
      if (tag >>> 3 === 1) key = readString(entry);
      else value = readValue(readSpan(entry));
    }
    members.push([key, value]);
  }
  return Object.fromEntries(members);
}

function readValue(c: Cursor): JsonValue {
  const tag = nextTag(c);
  const field = tag >>> 3;
  if (field === 2) return new DataView(c.bytes.buffer, c.bytes.byteOffset + take(c, 8), 8).getFloat64(0, true);
  if (field === 3) return readString(c);
  if (field === 5) return readStruct(readSpan(c));
  if (field === 6) {
    const items: JsonValue[] = [];
    const list = readSpan(c);
    while (nextTag(list)) items.push(readValue(readSpan(list)));
    return items;
  }
  if (field !== 4) return null;
  readVarint(c);
  return c.lo !== 0;
}

/**
 * Protobuf's wire form, written: fields → bytes. Fields are written in the order given; a value at its default is left out, as proto3 does.
 */
export type Field = Uint8Array;

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/** Joins fields (and nested messages' bytes) into one message. */
export const message = (...fields: readonly Field[]): Uint8Array => joinBytes(fields);

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** An integer, enum or bool field that is written even when it is zero: members of a oneof. */
export const varintMember = (number: number, value: number | bigint): Field =>
  message(varint(number << 3), varint(value));
export const varintField = (number: number, value: number | bigint): Field =>
  BigInt(value) === 0n ? NOTHING : varintMember(number, value);

/** A message, bytes or packed field that is written even when it is empty. */
export const bytesMember = (number: number, value: Uint8Array): Field =>
  message(varint((number << 3) | 2), varint(value.length), value);
export const bytesField = (number: number, value: Uint8Array): Field =>
  value.length === 0 ? NOTHING : bytesMember(number, value);

export const stringMember = (number: number, value: string): Field => bytesMember(number, encoder.encode(value));
export const stringField = (number: number, value: string): Field => bytesField(number, encoder.encode(value));

export function fixed32Member(number: number, value: number): Field {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return message(varint((number << 3) | 5), bytes);
}

export function fixed64Member(number: number, value: number): Field {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return message(varint((number << 3) | 1), bytes);
}

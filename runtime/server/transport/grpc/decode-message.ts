/**
 * Any message of the service from its descriptor, for the calls besides inference: as strict as protobuf's parsers, and counted before it is allocated.
 */
import type { Field, FieldBase, MapField, Type } from "protobufjs/light.js";
import { complete } from "../../../../triton-protos/complete-message.js";
import type { Messages } from "../../../../triton-protos/gen/messages.js";
import { type MessageName, messageType } from "../../../../triton-protos/proto-root.js";
import type { RequestMeter } from "../../../base/memory/request-meter.js";
import { COST } from "../../../wire/grpc/limits.js";
import { Cursor, WIRE } from "../../../wire/grpc/wire.js";

type Fields = Record<string, unknown>;

/** @throws RuntimeFault for bytes that are not such a message, or that take more than the meter allows */
export const decodeMessage = <K extends MessageName>(name: K, bytes: Buffer, meter: RequestMeter): Messages[K] =>
  complete(name, readMessage(messageType(name), new Cursor(bytes, 0, bytes.length, meter), newFields()));

// Clients choose the keys of maps: none may name a prototype.
const newFields = (): Fields => Object.create(null) as Fields;

/** @param into what an earlier occurrence of the message set */
function readMessage(type: Type, cursor: Cursor, into: Fields): Fields {
  cursor.count(COST.message);
  while (!cursor.done) {
    const tag = cursor.tag();
    const field = type.fieldsById[tag >>> 3]?.resolve();
    if (!field || !readField(field, tag & 7, cursor, into)) cursor.skip(tag);
  }
  return into;
}

/** @returns false for a field with another wire type than its own, which is skipped like an unknown one */
function readField(field: Field, wire: number, cursor: Cursor, into: Fields): boolean {
  const { name } = field;
  if (field.map) {
    if (wire !== WIRE.bytes) return false;
    into[name] ??= newFields();
    readEntry(field as FieldBase as MapField, cursor.message(), into[name] as Fields);
    return true;
  }
  const message = messageOf(field);
  const own = message ? WIRE.bytes : (SCALARS[field.type]?.wire ?? WIRE.varint);
  const isPacked = field.repeated && wire === WIRE.bytes && own !== WIRE.bytes;
  if (wire !== own && !isPacked) return false;
  if (field.repeated) {
    into[name] ??= [];
    const items = into[name] as unknown[];
    if (!isPacked) {
      cursor.count(COST.item);
      items.push(message ? readMessage(message, cursor.message(), newFields()) : readScalar(field, cursor));
    } else
      for (const values = cursor.message(); !values.done; ) {
        cursor.meter.field();
        values.count(COST.item);
        items.push(readScalar(field, values));
      }
    return true;
  }
  if (field.partOf) for (const other of field.partOf.oneof) if (other !== name) delete into[other];
  into[name] = message
    ? readMessage(message, cursor.message(), (into[name] as Fields | undefined) ?? newFields())
    : readScalar(field, cursor);
  return true;
}

function readEntry(field: MapField, cursor: Cursor, into: Fields): void {
  cursor.count(COST.entry);
  const message = messageOf(field);
  let key: unknown = field.keyType === "string" ? "" : 0;
  let value: unknown = message ? newFields() : (SCALARS[field.type]?.empty ?? 0);
  const keyWire = SCALARS[field.keyType]!.wire;
  const valueWire = message ? WIRE.bytes : (SCALARS[field.type]?.wire ?? WIRE.varint);
  while (!cursor.done) {
    const tag = cursor.tag();
    if (tag === 8 + keyWire) key = SCALARS[field.keyType]!.read(cursor);
    else if (tag !== 16 + valueWire) cursor.skip(tag);
    else if (message) readMessage(message, cursor.message(), value as Fields);
    else value = readScalar(field, cursor);
  }
  into[String(key)] = value;
}

const messageOf = ({ resolvedType }: FieldBase): Type | undefined =>
  resolvedType && "fields" in resolvedType ? resolvedType : undefined;

/** Enums are in no row: they are int32. */
const readScalar = ({ type }: FieldBase, cursor: Cursor): unknown => (SCALARS[type] ?? SCALARS.int32!).read(cursor);

interface Scalar {
  readonly wire: number;
  readonly empty: unknown;
  read(cursor: Cursor): unknown;
}

const scalar = (wire: number, empty: unknown, read: (cursor: Cursor) => unknown): Scalar => ({ wire, empty, read });

const SCALARS: Readonly<Record<string, Scalar>> = {
  bool: scalar(WIRE.varint, false, cursor => cursor.bool()),
  int32: scalar(WIRE.varint, 0, cursor => cursor.int32()),
  uint32: scalar(WIRE.varint, 0, cursor => cursor.low32()),
  int64: scalar(WIRE.varint, 0, cursor => BigInt.asIntN(64, cursor.uint64())),
  uint64: scalar(WIRE.varint, 0, cursor => cursor.uint64()),
  float: scalar(WIRE.fixed32, 0, cursor => cursor.take(4).readFloatLE()),
  double: scalar(WIRE.fixed64, 0, cursor => cursor.take(8).readDoubleLE()),
  string: scalar(WIRE.bytes, "", cursor => cursor.text()),
  bytes: scalar(WIRE.bytes, Buffer.alloc(0), cursor => cursor.block()),
};

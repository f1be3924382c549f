/**
 * `feast.types.Value`, the bytes of one feature of one entity: bytes → numbers, words or strings pushed into a sink; value → bytes.
 */
import { type FeastType, feastType, feastTypeOf } from "./feast-type.js";
import { type Cursor, cursor, nextTag, readSpan, readVarint, skipField, spanBytes, take, WireError } from "./wire.js";
import {
  bytesMember,
  fixed32Member,
  fixed64Member,
  message,
  stringMember,
  varint,
  varintMember,
} from "./wire-writer.js";

/** Where decoded values go: int64 as two words, so that nothing becomes a BigInt on the way. */
export interface ValueSink {
  number(value: number): void;
  words(lo: number, hi: number): void;
  string(value: string): void;
  bytes(value: Uint8Array): void;
}

/** Bytes may be given as text, which is then their UTF-8. */
export type FeastScalar = number | bigint | string | boolean | Uint8Array;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes one value into the sink: one push for a scalar, one push per item for a list.
 * @returns the type that was stored, or null for a null value (nothing is pushed)
 * @throws WireError for bytes that are not a Value, or whose type has no column form
 */
export function decodeValue(bytes: Uint8Array, sink: ValueSink): FeastType | null {
  const c = cursor(bytes);
  let stored: FeastType | null = null;
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) {
    const number = tag >>> 3;
    const type = feastTypeOf(number);
    if (!type) {
      // 19 says null aloud; anything else is a map, a set, or newer than this reader.
      if (number !== 19) throw new WireError(`a value of Feast's type ${number}, which has no column form`);
      skipField(c, tag);
      continue;
    }
    stored = type.name;
    if (type.list) items(readSpan(c), number - 10, sink);
    else if (isNoMoment(c, tag, number)) stored = null;
    else scalar(c, tag, number, sink);
  }
  return stored;
}

/** Whether a null timestamp stands here; it is stepped over. */
function isNoMoment(c: Cursor, tag: number, number: number): boolean {
  if (number !== 8 || (tag & 7) !== 0) return false;
  const start = c.at;
  readVarint(c);
  if (c.lo === 0 && c.hi === -0x80000000) return true;
  c.at = start;
  return false;
}

function items(list: Cursor, member: number, sink: ValueSink): void {
  for (let tag = nextTag(list); tag !== 0; tag = nextTag(list)) {
    if (tag >>> 3 !== 1) {
      skipField(list, tag);
      continue;
    }
    if ((tag & 7) !== 2 || member <= 2) {
      scalar(list, tag, member, sink);
      continue;
    }
    const packed = readSpan(list);
    while (packed.at < packed.end) scalar(packed, WIRE_TYPE[member]!, member, sink);
  }
}

/** Wire type of each scalar member, by field number. */
const WIRE_TYPE: readonly number[] = [0, 2, 2, 0, 0, 1, 5, 0, 0];
const scratch = new DataView(new ArrayBuffer(8));

function scalar(c: Cursor, tag: number, member: number, sink: ValueSink): void {
  if ((tag & 7) !== WIRE_TYPE[member]) throw new WireError(`byte ${c.at}: wire type ${tag & 7} for member ${member}`);
  switch (tag & 7) {
    case 0:
      readVarint(c);
      if (member === 4 || member === 8) sink.words(c.lo, c.hi);
      else sink.number(c.lo);
      return;
    case 2:
      if (member === 1) sink.bytes(spanBytes(readSpan(c)));
      else sink.string(utf8.decode(spanBytes(readSpan(c))));
      return;
    case 5: {
      const at = take(c, 4);
      for (let i = 0; i < 4; i++) scratch.setUint8(i, c.bytes[at + i]!);
      sink.number(scratch.getFloat32(0, true));
      return;
    }
    default: {
      const at = take(c, 8);
      for (let i = 0; i < 8; i++) scratch.setUint8(i, c.bytes[at + i]!);
      sink.number(scratch.getFloat64(0, true));
    }
  }
}

/** How Feast writes a null timestamp: numpy's NaT, the least int64. */
const NO_MOMENT = -(2n ** 63n);

/** Encodes one value of a type, as Feast's own serialiser does; null becomes no bytes, and a null timestamp the least int64. */
export function encodeValue(type: FeastType, value: FeastScalar | ArrayLike<FeastScalar> | null): Uint8Array {
  if (value === null) return type === "UNIX_TIMESTAMP" ? member(8, 8, NO_MOMENT) : new Uint8Array(0);
  const { number, list } = feastType(type);
  if (!list) return member(number, number, value as FeastScalar);
  const values = Array.from(value as ArrayLike<FeastScalar>);
  if (number <= 12) return bytesMember(number, message(...values.map(item => member(1, number - 10, item))));
  if (values.length === 0) return bytesMember(number, new Uint8Array(0));
  const packed = message(...values.map(item => packedItem(number - 10, item)));
  return bytesMember(number, bytesMember(1, packed));
}

/** One scalar as field `number`; `type` is its member number in Value. */
function member(number: number, type: number, value: FeastScalar): Uint8Array {
  switch (WIRE_TYPE[type]) {
    case 2:
      return value instanceof Uint8Array ? bytesMember(number, value) : stringMember(number, String(value));
    case 5:
      return fixed32Member(number, Number(value));
    case 1:
      return fixed64Member(number, Number(value));
    default:
      return varintMember(number, integer(value));
  }
}

/** A packed item is a member without its tag. */
function packedItem(type: number, value: FeastScalar): Uint8Array {
  return WIRE_TYPE[type] === 0 ? varint(integer(value)) : member(1, type, value).subarray(1);
}

function integer(value: FeastScalar): bigint {
  if (value instanceof Uint8Array) throw new RangeError(`${value.length} bytes stand where a number belongs`);
  return BigInt(value);
}

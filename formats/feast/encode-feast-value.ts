/**
 * A feature value → `feast.types.Value`, in the bytes of Feast's own serializer.
 */

import {
  bytesMember,
  fixed32Member,
  fixed64Member,
  message,
  stringMember,
  varint,
  varintMember,
} from "../bytes/wire-writer.js";
import { type FeastType, feastType } from "./feast-type.js";
import { WIRE_TYPE } from "./feast-value.js";

/** Bytes may be given as text, which is then their UTF-8. */
export type FeastScalar = number | bigint | string | boolean | Uint8Array;

/** How Feast writes a null timestamp: numpy's NaT, the least int64. */
const NO_MOMENT = -(2n ** 63n);

/** Encodes one value of a type, as Feast's own serializer does; null becomes no bytes, and a null timestamp the least int64. */
export function encodeValue(type: FeastType, value: FeastScalar | ArrayLike<FeastScalar> | null): Uint8Array {
  if (value === null) return type === "UNIX_TIMESTAMP" ? member(8, 8, NO_MOMENT) : new Uint8Array(0);
  const { number, list, item } = feastType(type);
  if (typeof item === "string") throw new RangeError(`${type} values are read here, not written`);
  // PDF_BYTES and IMAGE_BYTES have no member of their own.
  if (!list) return member(item === 1 ? 1 : number, item, value as FeastScalar);
  const values = Array.from(value as ArrayLike<FeastScalar>);
  if (item <= 2) return bytesMember(number, message(...values.map(each => member(1, item, each))));
  if (values.length === 0) return bytesMember(number, new Uint8Array(0));
  const packed = message(...values.map(each => packedItem(item, each)));
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
  if (value instanceof Uint8Array) throw new RangeError(`${value.length} bytes, where a number is expected`);
  return BigInt(value);
}

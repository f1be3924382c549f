/**
 * Protobuf's wire form for readers that need a few facts from a large file: bytes → fields in place, and fields → bytes.
 * No message objects and no copies: weights of gigabytes are stepped over.
 */

/** A place in a message. `lo` and `hi` hold the words of the last varint. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  lo: number;
  hi: number;
}

/** Bytes that are not protobuf, or stop in the middle. */
export class WireError extends Error {
  override readonly name = "WireError";
}

export const cursor = (bytes: Uint8Array, start = 0, end = bytes.length): Cursor => ({
  bytes,
  at: start,
  end,
  lo: 0,
  hi: 0,
});

/** The next field's tag (`number << 3 | wire type`), or 0 at the end. */
export function nextTag(c: Cursor): number {
  if (c.at >= c.end) return 0;
  const at = c.at;
  const tag = readUint32(c);
  if (tag >>> 3 === 0) throw new WireError(`byte ${at} is not the start of a field`);
  return tag;
}

/** Reads a varint of up to 64 bits into `lo` and `hi`. */
export function readVarint(c: Cursor): void {
  let lo = 0;
  let hi = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (c.at >= c.end) throw new WireError(`the data stops at byte ${c.end}, in the middle of a number`);
    const byte = c.bytes[c.at++]!;
    const bits = byte & 0x7f;
    if (shift < 28) lo |= bits << shift;
    else if (shift === 28) {
      lo |= bits << 28;
      hi |= bits >>> 4;
    } else hi |= bits << (shift - 32);
    if (byte < 0x80) {
      c.lo = lo;
      c.hi = hi;
      return;
    }
  }
  throw new WireError(`byte ${c.at} belongs to a number of more than ten bytes`);
}

export function readUint32(c: Cursor): number {
  readVarint(c);
  return c.lo >>> 0;
}

export function readInt64(c: Cursor): bigint {
  readVarint(c);
  return (BigInt(c.hi) << 32n) | BigInt(c.lo >>> 0);
}

/** An int64 that must be exact as a number. */
export function readSafeInt(c: Cursor): number {
  readVarint(c);
  const value = c.hi * 2 ** 32 + (c.lo >>> 0);
  if (!Number.isSafeInteger(value)) throw new WireError(`byte ${c.at}: a number beyond 2^53`);
  return value;
}

/** A cursor over the length-delimited field that starts here; this cursor moves behind it. */
export function readSpan(c: Cursor): Cursor {
  const length = readSafeInt(c);
  const start = c.at;
  if (length < 0 || length > c.end - start)
    throw new WireError(`byte ${start} announces ${length} bytes and only ${c.end - start} follow`);
  c.at = start + length;
  return cursor(c.bytes, start, c.at);
}

export const spanBytes = (span: Cursor): Uint8Array => span.bytes.subarray(span.at, span.end);

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
export const readString = (c: Cursor): string => utf8.decode(spanBytes(readSpan(c)));

/** Skips the value of a field. */
export function skipField(c: Cursor, tag: number): void {
  const wireType = tag & 7;
  if (wireType === 0) readVarint(c);
  else if (wireType === 1) take(c, 8);
  else if (wireType === 2) readSpan(c);
  else if (wireType === 5) take(c, 4);
  else throw new WireError(`byte ${c.at}: wire type ${wireType} is not one of 0, 1, 2 and 5`);
}

/** Moves over `n` bytes and says where they began. */
export function take(c: Cursor, n: number): number {
  const start = c.at;
  if (n > c.end - start) throw new WireError(`byte ${start} announces ${n} bytes and only ${c.end - start} follow`);
  c.at += n;
  return start;
}

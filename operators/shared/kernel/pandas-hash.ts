/**
 * Column → pandas' 64-bit hash of each value, as pairs of int32 words (low, high): `hash_pandas_object(series, index=False)`.
 * NVTabular hashes the row number in as well, so that a value's bucket depends on its place; that is left out on purpose.
 * Narrow integers are zero-extended from their own width, a null is all ones, and a null float is NaN.
 */

import type { Column } from "../../../runtime/base/columns/table.js";
import { hashText } from "./text-hashes.js";

export function hashValues(col: Column): Int32Array {
  const { values, validity } = col;
  const hashes = bits(values);
  for (let i = 0; i < hashes.length; i += 2) mix(hashes, i);
  if (validity) {
    const [low, high] =
      values instanceof Float64Array ? NULL_FLOAT64 : values instanceof Float32Array ? NULL_FLOAT32 : [-1, -1];
    for (let i = 0; i < validity.length; i++)
      if (validity[i] === 0) {
        hashes[2 * i] = low;
        hashes[2 * i + 1] = high;
      }
  }
  return hashes;
}

/** The hash modulo `buckets` (1 … 2^31 - 1). */
export function bucketOf(low: number, high: number, buckets: number): number {
  let rest = (high >>> 0) % buckets;
  rest = (rest * 65536 + (low >>> 16)) % buckets;
  return (rest * 65536 + (low & 0xffff)) % buckets;
}

function bits(values: Column["values"]): Int32Array {
  const pairs = new Int32Array(values.length * 2);
  if (Array.isArray(values)) {
    const texts = values as readonly string[];
    for (let i = 0; i < texts.length; i++) {
      // A user's value is the same for all of their candidates.
      if (i > 0 && texts[i] === texts[i - 1]) pairs.copyWithin(2 * i, 2 * i - 2, 2 * i);
      else hashText(texts[i]!, pairs, 2 * i);
    }
    return pairs;
  }
  const numbers = values as Exclude<Column["values"], readonly string[]>;
  const { buffer, byteOffset, length, BYTES_PER_ELEMENT: size } = numbers;
  if (size === 8) {
    pairs.set(new Int32Array(buffer, byteOffset, length * 2));
    if (numbers instanceof Float64Array) canonicalNaN64(pairs);
    return pairs;
  }
  const low = new Int32Array(
    size === 4
      ? new Int32Array(buffer, byteOffset, length)
      : size === 2
        ? new Uint16Array(buffer, byteOffset, length)
        : new Uint8Array(buffer, byteOffset, length),
  );
  for (let i = 0; i < length; i++) pairs[2 * i] = low[i]!;
  if (numbers instanceof Float32Array) canonicalNaN32(pairs);
  return pairs;
}

function canonicalNaN64(pairs: Int32Array): void {
  for (let i = 0; i < pairs.length; i += 2) {
    const magnitude = pairs[i + 1]! & 0x7fffffff;
    if (magnitude > 0x7ff00000 || (magnitude === 0x7ff00000 && pairs[i] !== 0)) {
      pairs[i] = 0;
      pairs[i + 1] = 0x7ff80000;
    }
  }
}

function canonicalNaN32(pairs: Int32Array): void {
  for (let i = 0; i < pairs.length; i += 2) if ((pairs[i]! & 0x7fffffff) > 0x7f800000) pairs[i] = 0x7fc00000;
}

/** x ^= x >> 30; x *= 0xbf58476d1ce4e5b9; x ^= x >> 27; x *= 0x94d049bb133111eb; x ^= x >> 31, modulo 2^64. */
function mix(pairs: Int32Array, at: number): void {
  let low = pairs[at]!;
  let high = pairs[at + 1]!;
  low ^= (low >>> 30) | (high << 2);
  high ^= high >>> 30;
  high = multiplyHigh(low, high, 0x1ce4e5b9, 0xbf58476d);
  low = Math.imul(low, 0x1ce4e5b9);
  low ^= (low >>> 27) | (high << 5);
  high ^= high >>> 27;
  high = multiplyHigh(low, high, 0x133111eb, 0x94d049bb);
  low = Math.imul(low, 0x133111eb);
  low ^= (low >>> 31) | (high << 1);
  high ^= high >>> 31;
  pairs[at] = low;
  pairs[at + 1] = high;
}

/** High word of the 64-bit product of (high, low) and (byHigh, byLow). */
function multiplyHigh(low: number, high: number, byLow: number, byHigh: number): number {
  const a = low & 0xffff;
  const b = low >>> 16;
  const c = byLow & 0xffff;
  const d = byLow >>> 16;
  const ad = a * d;
  const bc = b * c;
  const middle = ((a * c) >>> 16) + (ad & 0xffff) + (bc & 0xffff);
  return (b * d + (ad >>> 16) + (bc >>> 16) + (middle >>> 16) + Math.imul(high, byLow) + Math.imul(low, byHigh)) | 0;
}

const nullHash = (pair: [number, number]): readonly [number, number] => {
  const words = Int32Array.from(pair);
  mix(words, 0);
  return [words[0]!, words[1]!];
};
const NULL_FLOAT64 = nullHash([0, 0x7ff80000]);
const NULL_FLOAT32 = nullHash([0x7fc00000, 0]);

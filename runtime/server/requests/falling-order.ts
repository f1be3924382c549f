/**
 * The largest of a row of numbers: their indices by falling value. Equal numbers keep their order, and NaN is last; in short rows NaN stays
 * where C++'s insertion sort leaves it.
 */
import type { Values } from "../../../triton-protos/datatype.js";
import type { Charge } from "../../base/memory/memory-budget.js";
import type { Sliced } from "../../base/slices.js";
import { SORT_BYTES, sortByWords } from "./radix-sort.js";

export type Numbers = Exclude<Values, readonly string[]>;

/** Up to this number elements are sorted by insertion, as in C++. */
const FEW = 16;
/** If no more are requested, they are inserted into the list of the best; otherwise all are sorted. */
const MOST_CHOSEN = 256;
/** Elements that are looked at between two pauses. */
const LOOKED_AT = 2 ** 13;
/** The highest bit of a word. */
const SIGN = 0x80000000;
/** The highest key. */
const LAST = 0xffffffff;

/** The first `count` indices at least. @param charge the account of the request, for rows that are sorted */
export function* byFallingValue(values: Numbers, count: number, charge?: Charge): Sliced<ArrayLike<number>> {
  if (values.length <= FEW) return insertionSort(values);
  if (Math.min(count, values.length) <= MOST_CHOSEN) return yield* largest(values, count);
  return yield* sorted(values, charge);
}

function* largest(values: Numbers, count: number): Sliced<number[]> {
  const best: number[] = [];
  const last: number[] = [];
  for (let at = 0; at < values.length; at += LOOKED_AT) {
    insertLargest(values, at, Math.min(values.length, at + LOOKED_AT), { best, last, count });
    yield;
  }
  return [...best, ...last];
}

interface Largest {
  /** Indices of the largest numbers so far, by falling value. */
  readonly best: number[];
  /** Indices of NaN. */
  readonly last: number[];
  readonly count: number;
}

function insertLargest(values: Numbers, start: number, end: number, { best, last, count }: Largest): void {
  for (let index = start; index < end; index++) {
    const value = values[index]!;
    if (Number.isNaN(value)) {
      if (last.length < count) last.push(index);
      continue;
    }
    if (best.length === count && value <= values[best[count - 1]!]!) continue;
    // Behind equal ones: they keep their order.
    let from = 0;
    let to = best.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (values[best[middle]!]! >= value) from = middle + 1;
      else to = middle;
    }
    best.splice(from, 0, index);
    if (best.length > count) best.pop();
  }
}

/** Equal ones, and NaN, stay where they are. */
function insertionSort(values: Numbers): number[] {
  const indices = Array.from({ length: values.length }, (_, i) => i);
  for (let i = 1; i < indices.length; i++) {
    const value = values[i]!;
    let to = i;
    // C++ compares with the first element before it walks, which matters beside NaN.
    if (value > values[indices[0]!]!) to = 0;
    else while (to > 0 && value > values[indices[to - 1]!]!) to--;
    indices.splice(to, 0, indices.splice(i, 1)[0]!);
  }
  return indices;
}

/** Radix sort by the numbers' bits. */
function* sorted(values: Numbers, charge: Charge | undefined): Sliced<Uint32Array> {
  const words = values.BYTES_PER_ELEMENT === 8 ? 2 : 1;
  const bytes = values.length * (Uint32Array.BYTES_PER_ELEMENT * words + SORT_BYTES);
  charge?.add(bytes);
  try {
    return yield* sortByWords(yield* keysOf(values, words), Math.min(8 * values.BYTES_PER_ELEMENT, 32));
  } finally {
    charge?.subtract(bytes);
  }
}

/** Unsigned keys whose rising order is the values' falling one; of 64 bits the lower word first. */
function* keysOf(values: Numbers, words: number): Sliced<Uint32Array[]> {
  const { length } = values;
  const keys = Array.from({ length: words }, () => new Uint32Array(length));
  const fill = filler(values);
  for (let at = 0; at < length; at += LOOKED_AT) {
    fill(keys, at, Math.min(length, at + LOOKED_AT));
    yield;
  }
  return keys;
}

type Filler = (keys: readonly Uint32Array[], from: number, end: number) => void;

function filler(values: Numbers): Filler {
  const { buffer, byteOffset, length } = values;
  if (values instanceof Float32Array) return singles(values, new Uint32Array(buffer, byteOffset, length));
  if (values instanceof Float64Array) return doubles(values, new Uint32Array(buffer, byteOffset, 2 * length));
  if (values instanceof BigInt64Array || values instanceof BigUint64Array)
    return wide(new Uint32Array(buffer, byteOffset, 2 * length), values instanceof BigInt64Array ? SIGN : 0);
  return narrow(values);
}

function narrow(values: Exclude<Numbers, BigInt64Array | BigUint64Array>): Filler {
  const isSigned = values instanceof Int8Array || values instanceof Int16Array || values instanceof Int32Array;
  const bits = 8 * values.BYTES_PER_ELEMENT;
  const sign = isSigned ? 2 ** (bits - 1) : 0;
  const mask = 2 ** bits - 1;
  return ([keys], from, end) => {
    for (let i = from; i < end; i++) keys![i] = ~(values[i]! ^ sign) & mask;
  };
}

const wide =
  (raw: Uint32Array, sign: number): Filler =>
  ([low, high], from, end) => {
    for (let i = from; i < end; i++) {
      low![i] = ~raw[2 * i]!;
      high![i] = ~(raw[2 * i + 1]! ^ sign);
    }
  };

/** Zeros of both signs have one key, and NaN the last one. */
const singles =
  (values: Float32Array, raw: Uint32Array): Filler =>
  ([keys], from, end) => {
    for (let i = from; i < end; i++) {
      const value = values[i]!;
      const bits = raw[i]!;
      if (value < 0) keys![i] = bits;
      else if (value > 0) keys![i] = ~(bits | SIGN);
      else keys![i] = value === 0 ? ~SIGN : LAST;
    }
  };

const doubles =
  (values: Float64Array, raw: Uint32Array): Filler =>
  ([low, high], from, end) => {
    for (let i = from; i < end; i++) {
      const value = values[i]!;
      const isNegative = value < 0;
      if (isNegative || value > 0) {
        low![i] = isNegative ? raw[2 * i]! : ~raw[2 * i]!;
        high![i] = isNegative ? raw[2 * i + 1]! : ~(raw[2 * i + 1]! | SIGN);
      } else {
        low![i] = LAST;
        high![i] = value === 0 ? ~SIGN : LAST;
      }
    }
  };

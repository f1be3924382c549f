/**
 * The largest of a row of numbers: their indices by falling value. Equal numbers keep their order, and NaN is last; in short rows NaN stays
 * where C++'s insertion sort leaves it.
 */
import type { Values } from "../../../triton-protos/datatype.js";
import type { Charge } from "../../base/memory/memory-budget.js";
import type { Sliced } from "../../base/slices.js";

export type Numbers = Exclude<Values, readonly string[]>;

/** Up to this number elements are sorted by insertion, as in C++. */
const FEW = 16;
/** If no more are requested, they are inserted into the list of the best; otherwise all are sorted. */
const MOST_CHOSEN = 256;
/** Elements that are looked at between two pauses. */
const LOOKED_AT = 2 ** 13;
/** From here on digits of 16 bits are worth their 65,536 counters. */
const MANY = 2 ** 14;

/** The first `count` indices at least. @param charge the account of the request, for rows that are sorted */
export function* byFallingValue(values: Numbers, count: number, charge?: Charge): Sliced<ArrayLike<number>> {
  if (values.length <= FEW) return insertionSort(values);
  if (Math.min(count, values.length) <= MOST_CHOSEN) return yield* largest(values, count);
  return yield* sorted(values, charge);
}

function* largest(values: Numbers, count: number): Sliced<number[]> {
  const best: number[] = [];
  const last: number[] = [];
  for (let index = 0; index < values.length; index++) {
    if (index % LOOKED_AT === LOOKED_AT - 1) yield;
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
  return [...best, ...last];
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
  const { length } = values;
  const bits = Math.min(8 * values.BYTES_PER_ELEMENT, 32);
  const words = values.BYTES_PER_ELEMENT === 8 ? 2 : 1;
  const bytes = length * Uint32Array.BYTES_PER_ELEMENT * (words + 2);
  charge?.add(bytes);
  try {
    return yield* sortedByKeys(yield* keysOf(values, words), length, bits);
  } finally {
    charge?.subtract(bytes);
  }
}

function* sortedByKeys(keys: readonly Uint32Array[], length: number, bits: number): Sliced<Uint32Array> {
  let from = Uint32Array.from({ length: 0 });
  let to = new Uint32Array(length);
  const digit = Math.min(bits, length < MANY ? 8 : 16);
  const counters = new Uint32Array(2 ** digit);
  for (const word of keys)
    for (let shift = 0; shift < bits; shift += digit) {
      yield* sortByDigit(word, shift, counters, from, to);
      [from, to] = [to, from.length === length ? from : new Uint32Array(length)];
    }
  return from;
}

/** @param from indices in their order so far; empty for the natural one */
function* sortByDigit(
  word: Uint32Array,
  shift: number,
  counters: Uint32Array,
  from: Uint32Array,
  to: Uint32Array,
): Sliced<void> {
  const mask = counters.length - 1;
  counters.fill(0);
  for (let at = 0; at < word.length; ) {
    for (const end = Math.min(word.length, at + LOOKED_AT); at < end; at++) counters[(word[at]! >>> shift) & mask]!++;
    yield;
  }
  let sum = 0;
  for (let i = 0; i <= mask; i++) {
    const found = counters[i]!;
    counters[i] = sum;
    sum += found;
  }
  const isFirst = from.length === 0;
  for (let at = 0; at < word.length; ) {
    for (const end = Math.min(word.length, at + LOOKED_AT); at < end; at++) {
      const index = isFirst ? at : from[at]!;
      const digit = (word[index]! >>> shift) & mask;
      to[counters[digit]!++] = index;
    }
    yield;
  }
}

/** Unsigned keys whose rising order is the values' falling one; of 64 bits the lower word first. */
function* keysOf(values: Numbers, words: number): Sliced<Uint32Array[]> {
  const { length } = values;
  const keys = Array.from({ length: words }, () => new Uint32Array(length));
  const raw =
    values.BYTES_PER_ELEMENT >= 4 ? new Uint32Array(values.buffer, values.byteOffset, length * words) : undefined;
  const high = keys[words - 1]!;
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  const isSigned = values instanceof Int8Array || values instanceof Int16Array || values instanceof Int32Array;
  const flip = isSigned || values instanceof BigInt64Array ? 2 ** (8 * Math.min(4, values.BYTES_PER_ELEMENT) - 1) : 0;
  for (let i = 0; i < length; i++) {
    if (i % LOOKED_AT === LOOKED_AT - 1) yield;
    for (let word = 0; word < words; word++) keys[word]![i] = raw ? raw[i * words + word]! : (values[i] as number);
    if (!isFloat) high[i] = high[i]! ^ flip;
    else if (values[i] === 0) for (const key of keys) key[i] = 0x80000000;
    else if (Number.isNaN(values[i])) for (const key of keys) key[i] = 0;
    else if (high[i]! & 0x80000000) for (const key of keys) key[i] = ~key[i]!;
    else high[i] = high[i]! | 0x80000000;
    for (const key of keys) key[i] = ~key[i]!;
  }
  return keys;
}

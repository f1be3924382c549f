/**
 * Radix sort of unsigned keys by digits of eleven bits. A key and its index are side by side: a pass reads in order, and writes each element
 * to one place.
 */
import type { Sliced } from "../../base/slices.js";

/** Three digits hold 32 bits. */
const DIGIT = 11;
const COUNTERS = 2 ** DIGIT;
const MASK = COUNTERS - 1;
/** Elements that are looked at between two pauses. */
const LOOKED_AT = 2 ** 13;

/** Bytes of memory that `sortByWords` takes for each element, beside the words. */
export const SORT_BYTES = 4 * Uint32Array.BYTES_PER_ELEMENT;

/**
 * The indices of keys in their rising order; equal ones keep theirs.
 *
 * @param words the keys' words, the lowest first; the memory of the first is the result's
 * @param bits of each word
 */
export function* sortByWords(words: readonly Uint32Array[], bits: number): Sliced<Uint32Array> {
  const { length } = words[0]!;
  const digits = Math.ceil(bits / DIGIT);
  let from = new Uint32Array(2 * length);
  let to = new Uint32Array(2 * length);
  for (const [i, word] of words.entries()) {
    const counters = new Uint32Array(digits * COUNTERS);
    const loadPart = i === 0 ? loadFirst : load;
    yield* inParts(length, (at, end) => loadPart(word, from, counters, at, end));
    for (let digit = 0; digit < digits; digit++) {
      const starts = counters.subarray(digit * COUNTERS, (digit + 1) * COUNTERS);
      // One digit in all keys moves nothing.
      if (!sumUp(starts, length)) continue;
      yield* inParts(length, (at, end) => move(from, to, { shift: digit * DIGIT, starts }, at, end));
      [from, to] = [to, from];
    }
  }
  const sorted = words[0]!;
  yield* inParts(length, (at, end) => takeIndices(from, sorted, at, end));
  // The memory is free at once, and what is allocated next does not start a collection.
  for (const { buffer } of [from, to]) buffer.transfer(0);
  return sorted;
}

function* inParts(length: number, work: (at: number, end: number) => void): Sliced<void> {
  for (let at = 0; at < length; at += LOOKED_AT) {
    work(at, Math.min(length, at + LOOKED_AT));
    yield;
  }
}

/** Sets a pair of a word and its index for each element, and counts all digits. */
function loadFirst(word: Uint32Array, pairs: Uint32Array, counters: Uint32Array, from: number, end: number): void {
  for (let at = from; at < end; at++) {
    const key = word[at]!;
    pairs[2 * at] = key;
    pairs[2 * at + 1] = at;
    countDigits(key, counters);
  }
}

/** Brings the word of each element to its index, and counts all digits. */
function load(word: Uint32Array, pairs: Uint32Array, counters: Uint32Array, from: number, end: number): void {
  for (let at = from; at < end; at++) {
    const key = word[pairs[2 * at + 1]!]!;
    pairs[2 * at] = key;
    countDigits(key, counters);
  }
}

function countDigits(key: number, counters: Uint32Array): void {
  for (let first = 0, left = key; first < counters.length; first += COUNTERS, left >>>= DIGIT)
    counters[first + (left & MASK)]!++;
}

/** @returns false if all keys have one digit */
function sumUp(starts: Uint32Array, length: number): boolean {
  let sum = 0;
  for (let digit = 0; digit <= MASK; digit++) {
    const found = starts[digit]!;
    if (found === length) return false;
    starts[digit] = sum;
    sum += found;
  }
  return true;
}

interface Digit {
  readonly shift: number;
  /** For each digit the place of the next key with it. */
  readonly starts: Uint32Array;
}

function move(source: Uint32Array, target: Uint32Array, { shift, starts }: Digit, from: number, end: number): void {
  for (let at = 2 * from; at < 2 * end; at += 2) {
    const key = source[at]!;
    const to = 2 * starts[(key >>> shift) & MASK]!++;
    target[to] = key;
    target[to + 1] = source[at + 1]!;
  }
}

function takeIndices(pairs: Uint32Array, indices: Uint32Array, from: number, end: number): void {
  for (let at = from; at < end; at++) indices[at] = pairs[2 * at + 1]!;
}

/**
 * Radix sort of unsigned keys by digits of eight bits: keys and indices move together, so that only the writes are scattered.
 */
import type { Sliced } from "../../base/slices.js";

/** Longer digits need fewer passes, and write to more pages at a time than a processor keeps addresses of. */
const DIGIT = 8;
const MASK = 2 ** DIGIT - 1;
/** Elements that are looked at between two pauses. */
const LOOKED_AT = 2 ** 13;

/** Keys, each with the index of its element. */
interface Pairs {
  readonly keys: Uint32Array;
  readonly indices: Uint32Array;
}

/** Bytes of memory that `sortByWords` takes for each element, beside the words. */
export const SORT_BYTES = 4 * Uint32Array.BYTES_PER_ELEMENT;

/**
 * The indices of keys in their rising order; equal ones keep theirs.
 *
 * @param words the keys' words, the lowest first; the first is overwritten
 * @param bits of each word
 */
export function* sortByWords(words: readonly Uint32Array[], bits: number): Sliced<Uint32Array> {
  const { length } = words[0]!;
  let from: Pairs = { keys: words[0]!, indices: new Uint32Array(length) };
  let to: Pairs = { keys: new Uint32Array(length), indices: new Uint32Array(length) };
  yield* inParts(length, (at, end) => number(from.indices, at, end));
  for (const word of words) {
    if (word !== words[0]) yield* inParts(length, (at, end) => gather(word, from, at, end));
    for (let shift = 0; shift < bits; shift += DIGIT) {
      const starts = new Uint32Array(2 ** DIGIT);
      yield* inParts(length, (at, end) => count(from.keys, { shift, starts }, at, end));
      // One digit in all keys moves nothing.
      if (!sumUp(starts, length)) continue;
      yield* inParts(length, (at, end) => move(from, to, { shift, starts }, at, end));
      [from, to] = [to, from];
    }
  }
  return from.indices;
}

function* inParts(length: number, work: (at: number, end: number) => void): Sliced<void> {
  for (let at = 0; at < length; at += LOOKED_AT) {
    work(at, Math.min(length, at + LOOKED_AT));
    yield;
  }
}

interface Digit {
  readonly shift: number;
  /** The number of keys for each digit, then the place of the next key with it. */
  readonly starts: Uint32Array;
}

function number(indices: Uint32Array, from: number, end: number): void {
  for (let at = from; at < end; at++) indices[at] = at;
}

function gather(word: Uint32Array, { keys, indices }: Pairs, from: number, end: number): void {
  for (let at = from; at < end; at++) keys[at] = word[indices[at]!]!;
}

function count(keys: Uint32Array, { shift, starts }: Digit, from: number, end: number): void {
  for (let at = from; at < end; at++) starts[(keys[at]! >>> shift) & MASK]!++;
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

function move(source: Pairs, target: Pairs, { shift, starts }: Digit, from: number, end: number): void {
  const { keys, indices } = source;
  const { keys: movedKeys, indices: movedIndices } = target;
  for (let at = from; at < end; at++) {
    const key = keys[at]!;
    const to = starts[(key >>> shift) & MASK]!++;
    movedKeys[to] = key;
    movedIndices[to] = indices[at]!;
  }
}

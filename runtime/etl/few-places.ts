/**
 * A few values → their places in a vocabulary's file. An index of the whole vocabulary, or a table of DuckDB's for a join, takes far longer
 * than one pass over the file's bytes.
 */
import { readValuesOnce } from "../../operators/categorify/kernel-vocabulary.js";
import type { PackedTexts } from "../../operators/shared/kernel/fitted-table.js";
import type { Values } from "../base/columns/table.js";
import { indexValues, type ValueIndex } from "../base/columns/value-index.js";

/**
 * @param file a vocabulary of the fit
 * @param few the values that the function finds; it gives -1 for every other one
 */
export function placesInFile(file: string, few: Values): ValueIndex {
  const distinct = distinctOf(few);
  const values = readValuesOnce(file);
  const places =
    "offsets" in values ? placesOfTexts(values, distinct as readonly string[]) : placesOfNumbers(values, distinct);
  const indexed = indexValues(distinct);
  return sought => indexed(sought).map(i => (i < 0 ? -1 : places[i]!));
}

function distinctOf(values: Values): Values {
  if (Array.isArray(values)) return [...new Set(values as readonly string[])];
  const numbers = values as Float64Array;
  return new (numbers.constructor as Float64ArrayConstructor)(new Set(numbers));
}

function placesOfNumbers(all: Values, few: Values): Int32Array {
  const places = new Int32Array(few.length).fill(-1);
  indexValues(few)(all).forEach((i, place) => {
    if (i >= 0) places[i] = place;
  });
  return places;
}

/** Nearly every value of a vocabulary has another mark than the few that are sought. */
const MARKS = 2 ** 16;

function placesOfTexts({ offsets, bytes }: PackedTexts, sought: readonly string[]): Int32Array {
  const isMarked = new Uint8Array(MARKS);
  const wanted = new Map<string, number>();
  for (const [i, text] of sought.entries()) {
    const encoded = Buffer.from(text);
    isMarked[markOf(encoded, 0, encoded.length)] = 1;
    wanted.set(encoded.toString("latin1"), i);
  }
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places = new Int32Array(sought.length).fill(-1);
  for (const place of markedTexts(offsets, bytes, isMarked)) {
    const found = wanted.get(all.toString("latin1", offsets[place], offsets[place + 1]));
    if (found !== undefined) places[found] = place;
  }
  return places;
}

function markedTexts(offsets: Int32Array, bytes: Uint8Array, isMarked: Uint8Array): readonly number[] {
  const found: number[] = [];
  let start = offsets[0] ?? 0;
  for (let i = 1; i < offsets.length; i++) {
    const end = offsets[i]!;
    if (isMarked[markOf(bytes, start, end)] === 1) found.push(i - 1);
    start = end;
  }
  return found;
}

/** A mark of the last four bytes and the length: texts with a common prefix differ in them. */
function markOf(bytes: Uint8Array, start: number, end: number): number {
  let mark = end - start;
  for (let at = Math.max(start, end - 4); at < end; at++) mark = Math.imul(mark ^ bytes[at]!, 0x01000193);
  return (mark ^ (mark >>> 16)) & (MARKS - 1);
}

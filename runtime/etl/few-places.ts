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
    "offsets" in values ? placesOfTexts(values, distinct as readonly string[]) : placesOfValues(values, distinct);
  const indexed = indexValues(distinct);
  return sought => indexed(sought).map(i => (i < 0 ? -1 : places[i]!));
}

function distinctOf(values: Values): Values {
  if (Array.isArray(values)) return [...new Set(values as readonly string[])];
  const numbers = values as Float64Array;
  return new (numbers.constructor as Float64ArrayConstructor)(new Set(numbers));
}

function placesOfValues(values: Values, few: Values): Int32Array {
  const all = values as readonly unknown[];
  return Int32Array.from(few as ArrayLike<unknown> as unknown[], value => all.indexOf(value));
}

/** Nearly every text of a vocabulary has another mark than the few that are sought. */
const MARKS = 2 ** 16;

function placesOfTexts({ offsets, bytes }: PackedTexts, wanted: readonly string[]): Int32Array {
  const encoded = wanted.map(text => Buffer.from(text));
  const isMarked = new Uint8Array(MARKS);
  for (const text of encoded) isMarked[markOf(text, 0, text.length)] = 1;
  const places = new Int32Array(wanted.length).fill(-1);
  for (let i = 0; i + 1 < offsets.length; i++) {
    const [start, end] = [offsets[i]!, offsets[i + 1]!];
    if (isMarked[markOf(bytes, start, end)] === 0) continue;
    for (const [w, text] of encoded.entries())
      if (text.length === end - start && text.compare(bytes, start, end) === 0) places[w] = i;
  }
  return places;
}

/** A mark of the last four bytes and the length: texts with a common prefix differ in them. */
const markOf = (bytes: Uint8Array, start: number, end: number): number => {
  let mark = end - start;
  for (let at = Math.max(start, end - 4); at < end; at++) mark = Math.imul(mark ^ bytes[at]!, 0x01000193);
  return (mark ^ (mark >>> 16)) & (MARKS - 1);
};

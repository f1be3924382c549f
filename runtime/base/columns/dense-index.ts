/** Distinct integers of a small range → a function from a column to each value's index among them, by its distance from the least. */
import { type MakeTable, ownTable } from "../shared/shared-table.js";
import { int32s } from "./short-arrays.js";
import type { Values } from "./table.js";
import { words } from "./words.js";

export interface DenseKeys {
  readonly least: bigint;
  /** Distance of the greatest from the least, and one. */
  readonly span: number;
  /** The distance of each value from the least: 0 to below `span` if it may be one of the keys, anything else otherwise. */
  distances(values: Values): Float64Array;
  /** The same looked up in a table of `span` entries; -1 for a value that is not a key. */
  placesIn(table: Int32Array, values: Values): Int32Array;
}

/** Longer than this a table is no longer small beside the values it serves. */
const LONGEST = 8_000_000;

/** Undefined if the values are not integers or their range is too large; otherwise returns indexes as `indexValues` does. */
export function denseIndex(
  distinct: Values,
  makeTable: MakeTable = ownTable,
): ((values: Values) => Int32Array) | undefined {
  const dense = denseKeys(distinct, LONGEST);
  if (!dense) return undefined;
  const { span, distances, placesIn } = dense;
  const table = makeTable("distances 1", span, fresh => {
    fresh.fill(-1);
    const own = distances(distinct);
    for (let i = 0; i < own.length; i++) fresh[own[i]!] = i;
  });
  return values => placesIn(table, values);
}

/** Undefined if the values are not integers, or if a table of their range would be longer than `longest` or mostly empty. */
export function denseKeys(distinct: Values, longest: number): DenseKeys | undefined {
  if (distinct.length === 0 || !isIntegers(distinct)) return undefined;
  const first = distinct[0]!;
  const distances = distancesFrom(distinct);
  const own = distances(distinct, 0);
  let [least, most] = [0, 0];
  for (let i = 1; i < own.length; i++) {
    if (own[i]! < least) least = own[i]!;
    if (own[i]! > most) most = own[i]!;
  }
  const span = most - least + 1;
  if (span > Math.min(longest, 4 * distinct.length + 1024)) return undefined;
  return {
    least: BigInt(first) + BigInt(least),
    span,
    distances: values => distances(values, least),
    placesIn: placesOf(distinct, least),
  };
}

type Integers = Exclude<Values, readonly string[] | Float32Array | Float64Array>;

const isIntegers = (values: Values): values is Integers =>
  !Array.isArray(values) && !(values instanceof Float32Array) && !(values instanceof Float64Array);

/**
 * A function from values to their distances from the first of the integers, less `least`. They are exact below 2^53, and larger ones are
 * known to be out of range. 64-bit integers are read as pairs of words, never as BigInt.
 */
function distancesFrom(integers: Integers): (values: Values, least: number) => Float64Array {
  if (!(integers instanceof BigInt64Array || integers instanceof BigUint64Array)) {
    const first = integers[0]!;
    return (values, least) => {
      const found = new Float64Array(values.length);
      for (let i = 0; i < found.length; i++) found[i] = (values as Int32Array)[i]! - first - least;
      return found;
    };
  }
  const high = integers instanceof BigInt64Array ? (word: number) => word : (word: number) => word >>> 0;
  const own = words(integers);
  const [firstLow, firstHigh] = [own[0]! >>> 0, high(own[1]!)];
  return (values, least) => {
    const pairs = words(values as BigInt64Array);
    const found = new Float64Array(values.length);
    for (let i = 0; i < found.length; i++)
      found[i] = (high(pairs[2 * i + 1]!) - firstHigh) * 2 ** 32 + ((pairs[2 * i]! >>> 0) - firstLow) - least;
    return found;
  };
}

/** See `DenseKeys.placesIn`: a column of tens of values is looked up in less time than an array between takes. */
function placesOf(integers: Integers, least: number): DenseKeys["placesIn"] {
  if (!(integers instanceof BigInt64Array || integers instanceof BigUint64Array)) {
    const from = Number(integers[0]!) + least;
    return (table, values) => {
      const found = int32s(values.length);
      for (let i = 0; i < found.length; i++) {
        const far = (values as Int32Array)[i]! - from;
        found[i] = far >= 0 && far < table.length ? table[far]! : -1;
      }
      return found;
    };
  }
  const isSigned = integers instanceof BigInt64Array;
  const [low, high] = words(integers);
  const [firstLow, firstHigh] = [low! >>> 0, isSigned ? high! : high! >>> 0];
  return (table, values) => {
    const pairs = words(values as BigInt64Array);
    const found = int32s(values.length);
    for (let i = 0; i < found.length; i++) {
      const own = pairs[2 * i + 1]!;
      const far = ((isSigned ? own : own >>> 0) - firstHigh) * 2 ** 32 + ((pairs[2 * i]! >>> 0) - firstLow) - least;
      found[i] = far >= 0 && far < table.length ? table[far]! : -1;
    }
    return found;
  };
}

/**
 * Entity keys of any rows, of one column or of several → each key once, and for each row the index of its key. A key with a null in it is a
 * null key; all of those share the place behind the last key.
 */
import { type Column, gather, rootRows } from "./table.js";
import { spread } from "./value-index.js";
import { words } from "./words.js";

export interface DistinctKeys {
  /** One column per column of keys. */
  readonly keys: readonly Column[];
  /** How many keys there are. */
  readonly count: number;
  /** Per row: index into `keys`; `count` for a null key. */
  readonly places: Int32Array;
  /** Row where each key was seen first, for messages. */
  readonly firstRows: Int32Array;
  /** First row with a null key, or -1. */
  readonly nullRow: number;
}

/** @param columns of the same rows, at least one */
export function distinctKeys(columns: readonly Column[]): DistinctKeys {
  const n = columns[0]!.rows.count;
  const parts = columns.map(distinctOf);
  let { places, firstRows } = parts[0]!;
  for (const next of parts.slice(1)) ({ places, firstRows } = combine(places, next));
  const nullRow = places.indexOf(-1);
  const count = firstRows.length;
  if (nullRow >= 0) for (let i = 0; i < n; i++) if (places[i] === -1) places[i] = count;
  const rows = rootRows(count);
  const keys = columns.map(({ dtype, rows: of, values }) => gather({ dtype, rows: of, values }, firstRows, rows));
  return { keys, count, places, firstRows, nullRow };
}

/** Keys without nulls as they are, for whom doubles cost less than finding them. */
export function everyRow(columns: readonly Column[]): DistinctKeys {
  const { count } = columns[0]!.rows;
  const places = numbersTo(count);
  return { keys: columns, count, places, firstRows: places, nullRow: -1 };
}

let numbers = new Int32Array(0);

/** 0 to below `count`, shared by all callers, which only read it. */
function numbersTo(count: number): Int32Array {
  if (numbers.length < count) numbers = Int32Array.from({ length: 2 * count }, (_, i) => i);
  return numbers.subarray(0, count);
}

/** Places of one column's values; -1 for a null. */
interface Places {
  readonly places: Int32Array;
  readonly firstRows: Int32Array;
}

function combine(left: Int32Array, right: Places): Places {
  const seen = new Map<number, number>();
  const places = new Int32Array(left.length);
  const firstRows: number[] = [];
  for (let i = 0; i < left.length; i++) {
    if (left[i]! < 0 || right.places[i]! < 0) {
      places[i] = -1;
      continue;
    }
    const pair = left[i]! * right.firstRows.length + right.places[i]!;
    let place = seen.get(pair);
    if (place === undefined) {
      place = firstRows.length;
      firstRows.push(i);
      seen.set(pair, place);
    }
    places[i] = place;
  }
  return { places, firstRows: Int32Array.from(firstRows) };
}

function distinctOf(col: Column): Places {
  const { values, validity, rows } = col;
  if (values instanceof BigInt64Array) return distinctWords(words(values), validity);
  const places = new Int32Array(rows.count);
  const firstRows = new Int32Array(rows.count);
  const seen = new Map<number | bigint | string, number>();
  for (let i = 0; i < rows.count; i++) {
    if (validity?.[i] === 0) {
      places[i] = -1;
      continue;
    }
    const key = values[i] as number | bigint | string;
    let place = seen.get(key);
    if (place === undefined) {
      place = seen.size;
      firstRows[place] = i;
      seen.set(key, place);
    }
    places[i] = place;
  }
  return { places, firstRows: firstRows.slice(0, seen.size) };
}

/** An open-addressing table over the words of int64: a Map of as many numbers takes several times as long. */
function distinctWords(pairs: Int32Array, validity: Uint8Array | undefined): Places {
  const n = pairs.length / 2;
  const places = new Int32Array(n);
  const firstRows = new Int32Array(n);
  const mask = (1 << Math.max(3, 32 - Math.clz32(n * 2 - 1))) - 1;
  /** Place + 1 of the key in each slot; 0 is free. At most half are taken, so a search ends. */
  const table = new Int32Array(mask + 1);
  let count = 0;
  for (let i = 0; i < n; i++) {
    if (validity?.[i] === 0) {
      places[i] = -1;
      continue;
    }
    const low = pairs[2 * i]!;
    const high = pairs[2 * i + 1]!;
    let slot = spread(low, high) & mask;
    let place = table[slot]! - 1;
    while (place >= 0 && (pairs[2 * firstRows[place]!] !== low || pairs[2 * firstRows[place]! + 1] !== high)) {
      slot = (slot + 1) & mask;
      place = table[slot]! - 1;
    }
    if (place < 0) {
      place = count++;
      table[slot] = count;
      firstRows[place] = i;
    }
    places[i] = place;
  }
  return { places, firstRows: firstRows.slice(0, count) };
}

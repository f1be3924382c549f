/**
 * Entity keys of any rows, of one column or of several -> each key once, and for each row the place of its key. A key with a null in it is a
 * null key; all of those share the place behind the last key.
 */
import { type Column, gather, rootRows, words } from "../plan/table.js";

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
  const n = col.rows.count;
  const places = new Int32Array(n);
  const firstRows = new Int32Array(n);
  const seen = new Map<number | bigint | string, number>();
  const pairs = col.values instanceof BigInt64Array ? words(col.values) : undefined;
  for (let i = 0; i < n; i++) {
    if (col.validity?.[i] === 0) {
      places[i] = -1;
      continue;
    }
    const key = pairs ? exact(pairs[2 * i]!, pairs[2 * i + 1]!) : (col.values[i] as number | bigint | string);
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

/** A number where that is exact, which is nearly always, else a BigInt. */
const exact = (lo: number, hi: number): number | bigint =>
  hi >= -0x200000 && hi < 0x200000 ? hi * 2 ** 32 + (lo >>> 0) : (BigInt(hi) << 32n) | BigInt(lo >>> 0);

/** Entity keys of any rows -> each key once, and for each row the place of its key. Null keys share the place behind the last key. */
import { type Column, gather, rootRows, words } from "../plan/table.js";

export interface DistinctKeys {
  readonly keys: Column;
  /** Per row: index into `keys`; `keys.rows.count` for a null key. */
  readonly places: Int32Array;
  /** Row where each key was seen first, for messages. */
  readonly firstRows: Int32Array;
  /** First row with a null key, or -1. */
  readonly nullRow: number;
}

export function distinctKeys(col: Column): DistinctKeys {
  const n = col.rows.count;
  const places = new Int32Array(n);
  const firstRows = new Int32Array(n);
  const seen = new Map<number | bigint | string, number>();
  let nullRow = -1;
  const pairs = col.values instanceof BigInt64Array ? words(col.values) : undefined;
  for (let i = 0; i < n; i++) {
    if (col.validity?.[i] === 0) {
      if (nullRow < 0) nullRow = i;
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
  const first = firstRows.slice(0, seen.size);
  if (nullRow >= 0) for (let i = 0; i < n; i++) if (places[i] === -1) places[i] = first.length;
  const keys = gather({ dtype: col.dtype, rows: col.rows, values: col.values }, first, rootRows(first.length));
  return { keys, places, firstRows: first, nullRow };
}

/** A number where that is exact, which is nearly always, else a BigInt. */
const exact = (lo: number, hi: number): number | bigint =>
  hi >= -0x200000 && hi < 0x200000 ? hi * 2 ** 32 + (lo >>> 0) : (BigInt(hi) << 32n) | BigInt(lo >>> 0);

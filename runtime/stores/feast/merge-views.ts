/**
 * A view's snapshot and entities as they are now → the snapshot with them: in their places, or at the end. Neither is changed, since runs
 * continue with their snapshot.
 */
import { type Column, rootRows, type Values } from "../../base/columns/table.js";
import type { ViewSnapshot } from "./snapshot-form.js";
import type { FeatureColumn } from "./store.js";

/** @param places of the changed entities among those before, -1 for one that is new */
export function mergeViews(before: ViewSnapshot, changed: ViewSnapshot, places: Int32Array): ViewSnapshot {
  const known = before.keys[0]!.rows.count;
  let count = known;
  const targets = places.map(place => (place < 0 ? count++ : place));
  /** The source of each row of the result: a row of the changed ones, or, below 0, of those before. */
  const sources = Int32Array.from({ length: count + 1 }, (_, row) => -1 - row);
  sources[count] = -1 - known;
  targets.forEach((target, i) => {
    sources[target] = i;
  });
  return {
    ...before,
    keys: count === known ? before.keys : before.keys.map((col, k) => appended(col, changed.keys[k]!, places, count)),
    features: before.features.map((feature, f) => mergeFeature(feature, changed.features[f]!, targets, sources)),
  };
}

/** Keys with those behind them that are new. */
function appended(col: Column, changed: Column, places: Int32Array, count: number): Column {
  const known = col.rows.count;
  const values = resized(col.values, known, count) as { [i: number]: unknown };
  let at = known;
  for (let i = 0; i < places.length; i++) if (places[i]! < 0) values[at++] = changed.values[i];
  return { dtype: col.dtype, rows: rootRows(count), values: values as unknown as Values };
}

function mergeFeature(
  before: FeatureColumn,
  changed: FeatureColumn,
  targets: Int32Array,
  sources: Int32Array,
): FeatureColumn {
  const place = <T extends Values>(from: T, news: T): T => {
    const rows = sources.length;
    const last = from.length - 1;
    const values = resized(from, last, rows) as { [i: number]: unknown };
    for (let i = 0; i < targets.length; i++) values[targets[i]!] = news[i];
    values[rows - 1] = from[last];
    return values as unknown as T;
  };
  const known = {
    status: place(before.status, changed.status),
    ...(before.eventSeconds && { eventSeconds: place(before.eventSeconds, changed.eventSeconds!) }),
  };
  if (!before.offsets) return { values: place(before.values, changed.values), ...known };
  return { ...mergeLists(before, changed, sources), ...known };
}

function mergeLists(
  before: FeatureColumn,
  changed: FeatureColumn,
  sources: Int32Array,
): Pick<FeatureColumn, "values" | "offsets"> {
  const offsets = new Int32Array(sources.length + 1);
  const runOf = (source: number): readonly [column: FeatureColumn, from: number, to: number] => {
    const column = source < 0 ? before : changed;
    const row = source < 0 ? -1 - source : source;
    return [column, column.offsets![row]!, column.offsets![row + 1]!];
  };
  sources.forEach((source, row) => {
    const [, from, to] = runOf(source);
    offsets[row + 1] = offsets[row]! + to - from;
  });
  const values = resized(before.values, 0, offsets[sources.length]!);
  // Runs that stay neighbors are copied as one.
  for (let row = 0; row < sources.length; ) {
    const [column, from, end] = runOf(sources[row]!);
    let to = end;
    let next = row + 1;
    for (; next < sources.length; next++) {
      const [other, start, stop] = runOf(sources[next]!);
      if (other !== column || start !== to) break;
      to = stop;
    }
    copy(column.values, from, to, values, offsets[row]!);
    row = next;
  }
  return { values, offsets };
}

/** Values of the same type, the first `kept` of them these. */
function resized(values: Values, kept: number, length: number): Values {
  if (Array.isArray(values)) {
    const texts = values.slice(0, kept) as string[];
    while (texts.length < length) texts.push("");
    return texts;
  }
  const numbers = new (values.constructor as new (length: number) => Float64Array)(length);
  numbers.set((values as Float64Array).subarray(0, kept));
  return numbers;
}

function copy(from: Values, start: number, end: number, to: Values, at: number): void {
  if (Array.isArray(from)) for (let i = start; i < end; i++) (to as string[])[at + i - start] = from[i] as string;
  else (to as Float64Array).set((from as Float64Array).subarray(start, end), at);
}

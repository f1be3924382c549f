/**
 * Scalar columns → one row for each combination of the keys, at the position of its first row: the keys, and aggregates of the other
 * columns.
 */
import type { OpParams } from "../../contract/op-params.js";
import { nullFlags } from "../../runtime/base/columns/null-flags.js";
import { type Column, gather, type Rows, rootRows } from "../../runtime/base/columns/table.js";
import { filterRows } from "../../runtime/engine/cache/filter-rows.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { rowKeys } from "../shared/kernel/row-keys.js";

type Agg = OpParams["groupby"]["aggs"][number]["agg"];

export const groupby: Kernel<"groupby"> = {
  prepare(step) {
    const { by, sort, ascending, aggs } = step.params;
    const names = step.inputs.input.map(ref => ref.name);
    return {
      run: inputs => {
        const column = (name: string) => inputs.input[names.indexOf(name)]!;
        const keys = rowKeys(by.map(column));
        const groups = groupRows(keys, sort.map(column), ascending);
        const first = new Uint8Array(keys.length);
        for (const { row } of groups) first[row] = 1;
        const { kept, rows } = filterRows(inputs.input[0].rows, first);
        return [
          ...by.map(name => gather(column(name), kept, rows)),
          ...aggs.map(({ column: name, agg }) => aggregate(column(name), agg, groups, rows, ascending)),
        ];
      },
    };
  },
};

interface Group {
  /** Its first row in the order of the data. */
  readonly row: number;
  /** Its rows, sorted. */
  readonly members: readonly number[];
}

function groupRows(keys: Int32Array, sort: readonly Column[], ascending: boolean): readonly Group[] {
  const groups = new Map<number, number[]>();
  for (let i = 0; i < keys.length; i++) {
    if (keys[i]! < 0) continue;
    const members = groups.get(keys[i]!);
    if (members) members.push(i);
    else groups.set(keys[i]!, [i]);
  }
  const compare = comparator(sort, ascending);
  return [...groups.values()].map(members => ({ row: members[0]!, members: members.toSorted(compare) }));
}

/** Nulls are last in either direction, text is compared by its UTF-8 bytes, and equal rows keep their order. */
function comparator(columns: readonly Column[], ascending: boolean): (a: number, b: number) => number {
  const sign = ascending ? 1 : -1;
  const nulls = columns.map(nullFlags);
  return (a, b) => {
    for (const [c, { values }] of columns.entries()) {
      const missing = nulls[c]![a]! - nulls[c]![b]!;
      if (missing !== 0) return missing;
      if (nulls[c]![a] === 1) continue;
      const [x, y] = [values[a]!, values[b]!];
      if (x === y) continue;
      return sign * (typeof x === "string" ? compareTexts(x, y as string) : x < (y as number) ? -1 : 1);
    }
    return 0;
  };
}

const compareTexts = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function aggregate(col: Column, agg: Agg, groups: readonly Group[], rows: Rows, ascending: boolean): Column {
  const all = groups.flatMap(group => group.members);
  if (agg === "list") {
    const offsets = new Int32Array(groups.length + 1);
    groups.forEach(({ members }, i) => {
      offsets[i + 1] = offsets[i]! + members.length;
    });
    const items = gather(col, Int32Array.from(all), rootRows(all.length));
    return { ...items, rows, offsets };
  }
  if (agg === "first" || agg === "last") {
    // The earliest, even where the lists run backwards.
    const at = (agg === "first") === ascending ? 0 : -1;
    return gather(
      col,
      Int32Array.from(groups, ({ members }) => members.at(at)!),
      rows,
    );
  }
  const nulls = nullFlags(col);
  const known = groups.map(({ members }) => members.filter(row => nulls[row] === 0));
  if (agg === "count" || agg === "nunique")
    return { dtype: "int32", rows, values: Int32Array.from(known, members => countValues(col, members, agg)) };
  if (agg === "min" || agg === "max") {
    const best = known.map(members => extreme(col, members, agg === "min" ? -1 : 1));
    const picked = gather(
      col,
      Int32Array.from(best, row => row ?? 0),
      rows,
    );
    if (!best.includes(undefined))
      return { ...picked, ...(picked.validity && { validity: new Uint8Array(best.length).fill(1) }) };
    return { ...picked, validity: Uint8Array.from(best, row => (row === undefined ? 0 : 1)) };
  }
  return { dtype: "float32", rows, values: Float32Array.from(known, members => aggregateNumbers(col, members, agg)) };
}

/** The row with the least (-1) or the greatest (1) value. */
function extreme({ values }: Column, members: readonly number[], sign: -1 | 1): number | undefined {
  let best: number | undefined;
  for (const row of members)
    if (best === undefined || (sign < 0 ? values[row]! < values[best]! : values[row]! > values[best]!)) best = row;
  return best;
}

/** Rows of a column that are not null, in order → one number. As DuckDB computes them: one pass, in float64. */
function countValues({ values }: Column, rows: readonly number[], what: "count" | "nunique"): number {
  return what === "count" ? rows.length : new Set<unknown>(rows.map(row => values[row])).size;
}

/** Sum of nothing is 0; mean, median and, of fewer than two, deviations are NaN. `std` and `var` have ddof 1. */
function aggregateNumbers(
  { values }: Column,
  rows: readonly number[],
  what: "sum" | "mean" | "std" | "var" | "median",
): number {
  const numbers = rows.map(row => Number(values[row]));
  if (what === "sum" || what === "mean") {
    const sum = numbers.reduce((a, b) => a + b, 0);
    return what === "sum" ? sum : sum / numbers.length;
  }
  if (what === "median") return median(numbers);
  const variance = varianceOf(numbers);
  return what === "var" ? variance : Math.sqrt(variance);
}

function median(numbers: readonly number[]): number {
  const sorted = Float64Array.from(numbers).sort();
  const at = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return low === high ? low : low + (high - low) * (at - Math.floor(at));
}

/** Welford's recurrence. */
function varianceOf(numbers: readonly number[]): number {
  let [mean, squares] = [0, 0];
  numbers.forEach((x, i) => {
    const off = x - mean;
    mean += off / (i + 1);
    squares += off * (x - mean);
  });
  return numbers.length > 1 ? squares / (numbers.length - 1) : Number.NaN;
}

/** A list per row, and times beside it → its last items as candidates, the latest first, each once. */
import { nullFlags } from "../../runtime/base/columns/null-flags.js";
import { type Column, childRows, gather, rootRows } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { scoreValues } from "../shared/kernel/score-values.js";

export const recent: Kernel<"recent"> = {
  prepare: step => {
    const { count, within = Number.POSITIVE_INFINITY } = step.params;
    const name = step.inputs.input[0].name;
    const timesName = step.inputs.times?.[0].name;
    return {
      run: ({ input, times, now }) => {
        const items = input[0];
        const { rows, dtype, values } = items;
        const at = starts(items);
        const missing = nullFlags(items);
        const stamps = times && numbersOf(times[0]);
        const limits = now && numbersOf(now[0]);
        if (times) needSameLengths(items, times[0], name, timesName!);
        const places: number[] = [];
        const offsets = new Int32Array(rows.count + 1);
        for (let row = 0; row < rows.count; row++) {
          const seen = new Set<unknown>();
          for (const i of latestFirst(at(row), at(row + 1), stamps)) {
            if (seen.size === count) break;
            const id: unknown = values[i];
            if (missing[i] === 1 || seen.has(id)) continue;
            // A null time, and a null `now`, are NaN, which is within nothing.
            if (stamps && !(limits ? limits[row]! - stamps[i]! <= within : !Number.isNaN(stamps[i]))) continue;
            seen.add(id);
            places.push(i);
          }
          offsets[row + 1] = places.length;
        }
        const own: Column = { dtype, values, rows: rootRows(values.length) };
        return [gather(own, Int32Array.from(places), childRows(rows, offsets))];
      },
    };
  },
};

function latestFirst(from: number, to: number, stamps: Float64Array | undefined): readonly number[] {
  const order = Array.from({ length: to - from }, (_, i) => to - 1 - i);
  if (!stamps) return order;
  const time = (i: number): number => (Number.isNaN(stamps[i]) ? Number.NEGATIVE_INFINITY : stamps[i]!);
  return order.sort((a, b) => time(b) - time(a) || b - a);
}

/** The start of a row's list among the values; for the row after the last, their end. */
const starts = ({ offsets, width = 0 }: Column): ((row: number) => number) =>
  offsets ? row => offsets[row]! : row => row * width;

/** float64, NaN for a null. */
function numbersOf(column: Column): Float64Array {
  const missing = nullFlags(column);
  const given = column.dtype.endsWith("float16") ? scoreValues(column) : column.values;
  return Float64Array.from(given as ArrayLike<number>, (value, i) => (missing[i] === 1 ? Number.NaN : Number(value)));
}

function needSameLengths(items: Column, times: Column, name: string, timesName: string): void {
  const [a, b] = [starts(items), starts(times)];
  for (let row = 0; row < items.rows.count; row++)
    if (a(row + 1) - a(row) !== b(row + 1) - b(row))
      throw invalid(
        `row ${row}: column \`${timesName}\` has ${b(row + 1) - b(row)} values and \`${name}\` ${a(row + 1) - a(row)}; each item has one time.`,
      );
}

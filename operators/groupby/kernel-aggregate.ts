/** Rows of a column that are not null, in order → one number. As DuckDB computes them: one pass, in float64. */
import type { Column } from "../../runtime/base/columns/table.js";

export function countValues({ values }: Column, rows: readonly number[], what: "count" | "nunique"): number {
  return what === "count" ? rows.length : new Set<unknown>(rows.map(row => values[row])).size;
}

/** Sum of nothing is 0; mean, median and, of fewer than two, deviations are NaN. `std` and `var` have ddof 1. */
export function aggregateNumbers(
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

/** Values of a column → a small number for each distinct one, nulls −1; so that loops compare numbers. */
import type { Column } from "../../runtime/base/columns/table.js";
import { words } from "../../runtime/base/columns/words.js";

/** @param known values that get the numbers 0, 1, … whether they occur or not, as text */
export function groupNumbers(col: Column, known: readonly string[] = []): { numbers: Int32Array; count: number } {
  const found = new Map(known.map((text, i) => [text, i]));
  const keyOf = keys(col);
  const numbers = new Int32Array(col.rows.count);
  for (let i = 0; i < numbers.length; i++) {
    // A float that is no number is null.
    if (col.validity?.[i] === 0 || Number.isNaN(col.values[i])) {
      numbers[i] = -1;
      continue;
    }
    const key = keyOf(i);
    let number = found.get(key);
    if (number === undefined) {
      number = found.size;
      found.set(key, number);
    }
    numbers[i] = number;
  }
  return { numbers, count: found.size };
}

/** Text of a value, as an author writes it. 64-bit integers within 2^53 are read as two words. */
function keys(col: Column): (i: number) => string {
  const { values } = col;
  if (values instanceof BigInt64Array) {
    const pairs = words(values);
    return i => {
      const lo = pairs[2 * i]!;
      const hi = pairs[2 * i + 1]!;
      return hi === lo >> 31 ? `${lo}` : `${values[i]}`;
    };
  }
  if (col.dtype === "bool") return i => (values[i] ? "true" : "false");
  return i => `${values[i]}`;
}

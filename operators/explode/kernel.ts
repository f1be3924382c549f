/** One list per row, and lists beside it → their items as candidates of that row; nulls of the first are left out. */

import { type Column, childRows, gather } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const explode: Kernel<"explode"> = {
  prepare: step => {
    const name = step.inputs.input[0].name;
    const names = (step.inputs.with ?? []).map(ref => ref.name);
    return {
      run: inputs => {
        const lists = inputs.input[0];
        const { rows, validity, values } = lists;
        const startOf = starts(lists, name);
        const kept = new Int32Array(values.length);
        const runs = new Int32Array(rows.count + 1);
        let n = 0;
        for (let row = 0; row < rows.count; row++) {
          const end = startOf(row + 1);
          for (let i = startOf(row); i < end; i++)
            // A float that is no number is null.
            if (validity?.[i] !== 0 && !Number.isNaN(values[i])) kept[n++] = i;
          runs[row + 1] = n;
        }
        const candidates = childRows(rows, runs);
        const of = (col: Column, places: Int32Array) => gather(itemsOf(col), places, candidates);
        const ids = kept.subarray(0, n);
        const beside = (inputs.with ?? []).map((col, c) =>
          of(col, besidePlaces(lists, name, col, names[c]!, ids, runs)),
        );
        return [of(lists, ids), ...beside];
      },
    };
  },
};

/** The start of a row's list among the values; for the row after the last, their end. */
function starts({ offsets, width }: Column, name: string): (row: number) => number {
  if (offsets) return row => offsets[row]!;
  if (width === undefined) throw invalid(`column \`${name}\` holds no lists.`);
  return row => row * width;
}

/** The items are scalars of rows of their own. */
const itemsOf = ({ dtype, values, validity }: Column): Column => ({
  dtype,
  values,
  rows: { count: values.length },
  ...(validity && { validity }),
});

/** Places of the ids → those of the same items of another list column. */
function besidePlaces(
  lists: Column,
  name: string,
  beside: Column,
  besideName: string,
  ids: Int32Array,
  runs: Int32Array,
): Int32Array {
  const [from, to] = [starts(lists, name), starts(beside, besideName)];
  const places = new Int32Array(ids.length);
  for (let row = 0; row < lists.rows.count; row++) {
    const [length, other] = [from(row + 1) - from(row), to(row + 1) - to(row)];
    if (length !== other)
      throw invalid(
        `row ${row}: column \`${besideName}\` has ${other} values and \`${name}\` ${length}; lists that are exploded together have equally many.`,
      );
    for (let k = runs[row]!; k < runs[row + 1]!; k++) places[k] = ids[k]! - from(row) + to(row);
  }
  return places;
}

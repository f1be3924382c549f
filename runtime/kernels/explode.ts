/** One list per row -> its items as candidates of that row; nulls are left out. */
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import { childRows, gather } from "../plan/table.js";

export const explode: Kernel<"explode"> = {
  prepare: step => {
    const name = step.inputs.input![0]!.name;
    return {
      run: ({ input }) => {
        const lists = input![0]!;
        const { rows, offsets, width, validity, dtype, values } = lists;
        if (!offsets && width === undefined)
          throw new RuntimeFault("INVALID_ARGUMENT", `column \`${name}\` holds no lists.`);
        const kept = new Int32Array(values.length);
        const runs = new Int32Array(rows.count + 1);
        let n = 0;
        for (let row = 0; row < rows.count; row++) {
          const end = offsets ? offsets[row + 1]! : (row + 1) * width!;
          for (let i = offsets ? offsets[row]! : row * width!; i < end; i++)
            // A float that is no number is null.
            if (validity?.[i] !== 0 && !Number.isNaN(values[i])) kept[n++] = i;
          runs[row + 1] = n;
        }
        // The items are scalars of rows of their own.
        const items = { dtype, values, rows: { count: values.length } };
        return [gather(items, kept.subarray(0, n), childRows(rows, runs))];
      },
    };
  },
};

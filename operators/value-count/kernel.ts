/** List columns → the same lists; as vectors where every fitted list has one length. */

import { fixedLength } from "../../contract/schema.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const valueCount: Kernel<"valueCount"> = {
  prepare: step => {
    const widths = step.outputs.map(fixedLength);
    const whats = step.outputs.map(({ name }) => `step \`${step.id}\` (valueCount): column \`${name}\``);
    return {
      run: inputs =>
        inputs.input.map((col, i) => {
          const width = widths[i];
          return width === undefined ? col : asVectors(col, width, whats[i]!);
        }),
    };
  },
};

function asVectors({ offsets, ...col }: Column, width: number, what: string): Column {
  if (!offsets) return col;
  for (let r = 0; r < col.rows.count; r++) {
    const length = offsets[r + 1]! - offsets[r]!;
    if (length !== width)
      throw invalid(
        `${what} has ${length} values in row ${r}, and every list of the fitted data had ${width}. Send ${width}, or fit again.`,
      );
  }
  return { ...col, width };
}

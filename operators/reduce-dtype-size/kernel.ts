/** Numeric columns → the same numbers in the dtypes that the fit found. A value that does not fit is a fault naming it. */
import { castValues } from "../../runtime/base/columns/cast.js";
import { allocate, type Column, type Values } from "../../runtime/base/columns/table.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { withValues } from "../shared/kernel/with-values.js";

export const reduceDtypeSize: Kernel<"reduceDtypeSize"> = {
  prepare: ({ id, outputs }) => ({
    run: inputs =>
      inputs.input.map((col, i) => {
        const { name, dtype } = outputs[i]!;
        if (dtype === col.dtype) return col;
        const what = `step \`${id}\` (reduceDtypeSize): column \`${name}\``;
        return withValues(col, dtype, castValues(known(col), col.dtype, dtype, what), col.validity);
      }),
  }),
};

/** The values with 0 for each missing one, so that no arbitrary value of a null can fail to fit. */
function known({ dtype, values, validity }: Column): Values {
  if (!validity?.includes(0)) return values;
  const zeros = allocate(dtype, values.length) as { [i: number]: Values[number] };
  for (let i = 0; i < values.length; i++) if (validity[i] === 1) zeros[i] = values[i]!;
  return zeros as unknown as Values;
}

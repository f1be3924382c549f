/** A column → 1 for each value that is null, a float NaN included. */
import type { Column } from "./table.js";

export function nullFlags({ values, validity }: Pick<Column, "values" | "validity">): Uint8Array {
  const flags = new Uint8Array(values.length);
  if (values instanceof Float32Array || values instanceof Float64Array)
    for (let i = 0; i < flags.length; i++) flags[i] = Number.isNaN(values[i]) ? 1 : 0;
  if (validity) for (let i = 0; i < flags.length; i++) if (validity[i] === 0) flags[i] = 1;
  return flags;
}

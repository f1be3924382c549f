/** Keys → (sum + p · mean) / (count + p) of each target, the target's mean for a key that the fit has not seen. */
import type { ArrowColumn } from "../../formats/arrow/arrow-columns.js";
import { groupPlaces, readTable } from "../shared/onnx/key-places.js";
import { KEEP, type Lowering } from "../shared/onnx/lowering.js";
import { tableLookup } from "../shared/onnx/table-lookup.js";

export const targetEncoding: Lowering<"targetEncoding"> = (step, { input }, context) => {
  const { pSmooth, outDtype, foldMode } = step.params;
  if (foldMode)
    context.fail(
      '`foldMode: "nvtabular"` encodes a row by its place, so that answers depend on who else is in the batch',
      `Leave \`foldMode\` out, or ${KEEP}.`,
    );
  const { groups, means } = step.state;
  const Floats = outDtype === "float32" ? Float32Array : Float64Array;
  return groups.flatMap(({ columns: own, table: file }) => {
    const table = readTable(context, file);
    const { places, rows } = groupPlaces(context, step, input, own, table);
    return Object.entries(means).map(([target, mean]) => {
      const sums = table[`sum ${target}`]!.values as Float64Array;
      const counts = table[`count ${target}`]!.values as BigInt64Array;
      const values = sums.map((sum, i) => (sum + pSmooth * mean) / (Number(counts[i]) + pSmooth));
      const encoded: ArrowColumn = {
        dtype: outDtype,
        values: new Floats(values.map(v => (Number.isNaN(v) ? mean : v))),
      };
      return tableLookup(context.g, encoded, places, rows, mean);
    });
  });
};

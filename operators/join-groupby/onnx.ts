/** Keys → statistics of the fitted rows with the same key; a key not seen has count 0 and nulls. */
import { groupPlaces, readTable } from "../shared/onnx/key-places.js";
import type { Lowering } from "../shared/onnx/lowering.js";
import { tableLookup } from "../shared/onnx/table-lookup.js";

export const joinGroupby: Lowering<"joinGroupby"> = (step, { input }, context) => {
  return step.state.groups.flatMap(({ columns: own, table: file }) => {
    const table = readTable(context, file);
    const { places, rows } = groupPlaces(context, step, input, own, table);
    return Object.entries(table)
      .filter(([name]) => !/^key \d+$/.test(name))
      .map(([name, col]) => tableLookup(context.g, col, places, rows, name.endsWith("_count") ? 0n : undefined));
  });
};

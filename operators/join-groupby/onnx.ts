/** Keys → statistics of the fitted rows with the same key; a key not seen has count 0 and nulls. */
import { readTable, tuplePlaces } from "../shared/onnx/key-places.js";
import type { Lowering } from "../shared/onnx/lowering.js";
import { tableLookup } from "../shared/onnx/table-lookup.js";

export const joinGroupby: Lowering<"joinGroupby"> = (step, { input }, context) => {
  const names = step.inputs.input.map(ref => ref.name);
  return step.state.groups.flatMap(({ columns: own, table: file }) => {
    const table = readTable(context, file);
    const columns = own.map(name => input[names.indexOf(name)]!);
    const places = tuplePlaces(
      context,
      columns,
      own,
      own.map((_, i) => table[`key ${i}`]!),
    );
    return Object.entries(table)
      .filter(([name]) => !/^key \d+$/.test(name))
      .map(([name, col]) =>
        tableLookup(context.g, col, places, columns[0]!.rows, name.endsWith("_count") ? 0n : undefined),
      );
  });
};

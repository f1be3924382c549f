/** Columns → the same and those of the fitted file whose key is theirs; an inner join keeps the candidates that have one. */
import { greaterOrEqual, int64 } from "../../compiler/onnx/elementary.js";
import { keepWhere } from "../shared/onnx/keep-where.js";
import { groupPlaces, readTable } from "../shared/onnx/key-places.js";
import type { Lowering } from "../shared/onnx/lowering.js";
import { tableLookup } from "../shared/onnx/table-lookup.js";

export const joinExternal: Lowering<"joinExternal"> = (step, { input }, context) => {
  const { g } = context;
  const { on, how, columns: external } = step.params;
  const table = readTable(context, step.state.table);
  const { places } = groupPlaces(context, step, input, on, table);
  const { rows } = input[0];
  const joined = Object.keys(external).map(name => tableLookup(g, table[name]!, places, rows));
  if (how === "left") return [...input, ...joined];
  return keepWhere(step, [...input, ...joined], greaterOrEqual(g, places, int64(g, 0)), context);
};

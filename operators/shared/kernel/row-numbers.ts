/**
 * The inputs of a step that reads row numbers → the number of each row: its position, or the port's value for a subset of rows.
 */
import { ROW_PORT } from "../../../contract/step-facts.js";
import type { Column } from "../../../runtime/base/columns/table.js";

export function rowNumbers(inputs: {
  readonly input: readonly [Column, ...Column[]];
  readonly [ROW_PORT]?: readonly [Column];
}): Float64Array {
  const given = inputs[ROW_PORT]?.[0];
  const count = inputs.input[0].rows.count;
  return Float64Array.from({ length: count }, (_, i) => (given ? Number(given.values[i]) : i));
}

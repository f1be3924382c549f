/** Columns of candidates and of their user → the candidates' columns, and the user's for each of them. */
import { zip } from "../../contract/lists.js";
import { ancestorIndex, gatherRows } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const unrollFeatures: Lowering<"unrollFeatures"> = (step, { input, unroll }, context) => {
  const { g } = context;
  const at = step.inputs.input.findIndex(ref => ref.name === step.params.itemColumn);
  const { rows } = input[at]!;
  const repeated = zip(unroll, step.inputs.unroll).map(([col, { name }]) => {
    const index =
      ancestorIndex(g, rows, col.rows) ??
      context.fail(
        `\`${name}\` has other rows than those that \`${step.params.itemColumn}\` was made from`,
        "Build the ensemble again.",
      );
    return gatherRows(g, col, index, rows);
  });
  return [...input, ...repeated];
};

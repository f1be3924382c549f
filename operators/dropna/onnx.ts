/** Candidates → those that lack no value. */
import { and, expand, not, scalar } from "../../compiler/onnx/elementary.js";
import { keepWhere } from "../shared/onnx/keep-where.js";
import { isList, nulls } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const dropna: Lowering<"dropna"> = (step, { input }, context) => {
  const { g } = context;
  const whole = input.flatMap(col => {
    const missing = isList(col) ? undefined : nulls(g, col);
    return missing ? [not(g, missing)] : [];
  });
  const { rows } = input[0];
  const keep = whole.length > 0 ? whole.reduce((a, b) => and(g, a, b)) : expand(g, scalar(g, "bool", true), rows.count);
  const names = step.inputs.input.map(ref => ref.name);
  return keepWhere(
    step,
    step.outputs.map(({ name }) => input[names.indexOf(name)]!),
    keep,
    context,
  );
};

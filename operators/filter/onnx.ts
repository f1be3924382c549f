/** Candidates → those for which the condition holds. */
import { expand } from "../../compiler/onnx/elementary.js";
import { columnTerms } from "../lambda-op/onnx.js";
import { lowerExpression } from "../shared/onnx/expression/lower-expression.js";
import type { FlagTerm } from "../shared/onnx/expression/term.js";
import { keepWhere } from "../shared/onnx/keep-where.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const filter: Lowering<"filter"> = (step, { input }, context) => {
  const names = step.inputs.input.map(ref => ref.name);
  const term = lowerExpression(context, step.params.condition, columnTerms(context, names, input)) as FlagTerm;
  const keep = expand(context.g, term.value, input[0].rows.count);
  return keepWhere(
    step,
    step.outputs.map(({ name }) => input[names.indexOf(name)]!),
    keep,
    context,
  );
};

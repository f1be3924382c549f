/** Columns → the same, with `score · multiply + add` for the rows for which the condition holds: a `Where`. */

import { add, cast, expand, mul, scalar, where } from "../../compiler/onnx/elementary.js";
import { columnsOf } from "../../contract/expression.js";
import { columnTerms } from "../lambda-op/onnx.js";
import { lowerExpression } from "../shared/onnx/expression/lower-expression.js";
import type { FlagTerm } from "../shared/onnx/expression/term.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const boost: Lowering<"boost"> = (step, { input }, context) => {
  const { g } = context;
  const { condition, score, multiply, add: more } = step.params;
  const names = step.inputs.input.map(ref => ref.name);
  const read = columnsOf(condition);
  const terms = columnTerms(
    context,
    names.filter(name => read.has(name)),
    input.filter((_, i) => read.has(names[i]!)),
  );
  const term = lowerExpression(context, condition, terms) as FlagTerm;
  const n = (x: number) => scalar(g, "float64", x);
  return input.map((col, i) => {
    if (names[i] !== score) return col;
    // The kernel computes in float64 and rounds once.
    const raised = add(g, mul(g, cast(g, col.values, "float64"), n(multiply)), n(more));
    const holds = expand(g, term.value, col.rows.count);
    return { ...col, values: where(g, holds, cast(g, raised, col.dtype), col.values) };
  });
};

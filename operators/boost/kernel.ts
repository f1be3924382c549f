/** Columns → the same, with `score · multiply + add` for the rows for which the condition holds. */
import { columnsOf } from "../../contract/expression.js";
import { type CompiledExpression, compileExpression } from "../../runtime/engine/expression/compile-expression.js";
import type { FlagVector } from "../../runtime/engine/expression/vector-kinds.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { columnTypes, toVectors } from "../lambda-op/kernel.js";
import { scoreValues, toScores } from "../shared/kernel/score-values.js";

export const boost: Kernel<"boost"> = {
  prepare(step) {
    const what = `step \`${step.id}\` (boost)`;
    const { score, multiply, add } = step.params;
    const refs = step.inputs.input;
    const read = columnsOf(step.params.condition);
    const changed = refs.findIndex(ref => ref.name === score);
    let condition: CompiledExpression | undefined;
    return {
      run: inputs => {
        const columns = inputs.input;
        const named = new Map(refs.flatMap(({ name }, i) => (read.has(name) ? [[name, columns[i]!]] : [])));
        condition ??= compileExpression(step.params.condition, columnTypes(named, what), what);
        const { rows } = columns[0];
        const { values: flags } = condition.run(toVectors(named, what), rows.count) as FlagVector;
        const scores = columns[changed]!;
        const numbers = scoreValues(scores).slice();
        for (let i = 0; i < numbers.length; i++) if (flags[i] === 1) numbers[i] = numbers[i]! * multiply + add;
        const values = toScores(scores.dtype, numbers);
        return columns.map((col, i) => (i === changed ? { ...col, values } : col));
      },
    };
  },
};

/**
 * Columns → the rows of them for which the condition holds. Candidates stay candidates of their own users; rows of a table become child
 * rows of the input rows.
 */
import { columnsOf } from "../../contract/expression.js";
import { gather } from "../../runtime/base/columns/table.js";
import { filterRows } from "../../runtime/engine/cache/filter-rows.js";
import { type CompiledExpression, compileExpression } from "../../runtime/engine/expression/compile-expression.js";
import type { FlagVector } from "../../runtime/engine/expression/vector-kinds.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { columnTypes, toVectors } from "../lambda-op/kernel.js";

export const filter: Kernel<"filter"> = {
  prepare(step) {
    const what = `step \`${step.id}\` (filter)`;
    const refs = step.inputs.input;
    const read = columnsOf(step.params.condition);
    let condition: CompiledExpression | undefined;
    return {
      run: inputs => {
        const columns = inputs.input;
        const named = new Map(refs.map((ref, i) => [ref.name, columns[i]!]));
        const asked = new Map([...named].filter(([name]) => read.has(name)));
        condition ??= compileExpression(step.params.condition, columnTypes(asked, what), what);
        const { rows } = columns[0];
        const { values } = condition.run(toVectors(asked, what), rows.count) as FlagVector;
        const left = filterRows(rows, Uint8Array.from(values as ArrayLike<number>));
        return step.outputs.map(({ name }) => gather(named.get(name)!, left.kept, left.rows));
      },
    };
  },
};

/**
 * Columns -> the rows of them for which the condition holds. Candidates stay candidates of their own users; rows of a table become child rows
 * of the rows that came.
 */
import { type CompiledExpression, compileExpression } from "../expression/compile-expression.js";
import type { FlagVector } from "../expression/vector.js";
import type { Kernel } from "../plan/kernel.js";
import { childRows, gather } from "../plan/table.js";
import { columnTypes, toVectors } from "./lambda-op.js";

export const filter: Kernel<"filter"> = {
  prepare(step) {
    const what = `step \`${step.id}\` (filter)`;
    const refs = step.inputs.input ?? [];
    let condition: CompiledExpression | undefined;
    return {
      run: inputs => {
        const columns = inputs.input ?? [];
        const named = new Map(refs.map((ref, i) => [ref.name, columns[i]!]));
        condition ??= compileExpression(step.params.condition, columnTypes(named, what), what);
        const { rows } = columns[0]!;
        const { values } = condition.run(toVectors(named, what), rows.count) as FlagVector;
        const before = new Int32Array(rows.count + 1);
        for (let i = 0; i < rows.count; i++) before[i + 1] = before[i]! + (values[i] === 1 ? 1 : 0);
        const kept = new Int32Array(before[rows.count]!);
        for (let i = 0; i < rows.count; i++) if (values[i] === 1) kept[before[i]!] = i;
        const left =
          rows.parent && rows.offsets
            ? childRows(
                rows.parent,
                rows.offsets.map(at => before[at]!),
              )
            : childRows(rows, before);
        return step.outputs.map(({ name }) => gather(named.get(name)!, kept, left));
      },
    };
  },
};

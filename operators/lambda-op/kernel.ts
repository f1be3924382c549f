/** Columns → the columns that a user's function makes of them: the plan's expressions, as loops. */
import type { ValueType } from "../../contract/expression-functions.js";
import { dtypeOf, valueTypeOf } from "../../contract/expression-type.js";
import type { AnyStep } from "../../contract/plan.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import { type CompiledExpression, compileExpression } from "../../runtime/engine/expression/compile-expression.js";
import { toColumn, toVector } from "../../runtime/engine/expression/vector.js";
import type { Vector } from "../../runtime/engine/expression/vector-kinds.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const lambdaOp: Kernel<"lambdaOp"> = {
  prepare(step) {
    const what = `step \`${step.id}\` (lambdaOp)`;
    const refs = step.inputs.input;
    // Columns have their types when they arrive, so a function is compiled for the first table and kept.
    let compiled: readonly CompiledExpression[] | undefined;
    return {
      run: inputs => {
        const columns = inputs.input;
        const named = new Map(refs.map((ref, i) => [ref.name, columns[i]!]));
        compiled ??= step.outputs.map(({ name, dtype }) => {
          const made = compileExpression(expressionOf(step, name, what), columnTypes(named, what), what);
          const natural = dtypeOf(made.type);
          if (natural !== dtype && natural !== "float64")
            throw new RuntimeFault(
              "INTERNAL",
              `${what} makes ${natural} for \`${name}\`, which is ${dtype} in the plan.`,
            );
          return made;
        });
        const vectors = toVectors(named, what);
        const { rows } = columns[0];
        return step.outputs.map(({ dtype }, i) => toColumn(compiled![i]!.run(vectors, rows.count), dtype, rows));
      },
    };
  },
};

export function expressionOf(step: AnyStep & { op: "lambdaOp" }, name: string, what: string) {
  const found = Object.hasOwn(step.params.expressions, name) ? step.params.expressions[name] : undefined;
  if (found) return found;
  throw new RuntimeFault("INVALID_ARGUMENT", `${what} has no expression for \`${name}\`. Build the plan again.`);
}

/** Types that columns have inside an expression. */
export function columnTypes(columns: ReadonlyMap<string, Column>, what: string): ReadonlyMap<string, ValueType> {
  const types = new Map<string, ValueType>();
  for (const [name, { dtype, offsets, width }] of columns) {
    const isList = offsets !== undefined || width !== undefined;
    const type = valueTypeOf({ dtype, ...(isList && { list: { min: 0, max: null } }) });
    if (!type) throw new RuntimeFault("UNSUPPORTED", `${what} cannot read \`${name}\`, which is ${dtype}.`);
    types.set(name, type);
  }
  return types;
}

export const toVectors = (columns: ReadonlyMap<string, Column>, what: string): ReadonlyMap<string, Vector> =>
  new Map([...columns].map(([name, col]) => [name, toVector(col, `${what}, column \`${name}\`,`)]));

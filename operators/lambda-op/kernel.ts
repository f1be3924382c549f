/** Columns → the columns that a user's function makes of them: the plan's expressions, as loops. */
import type { ValueType } from "../../contract/expression-functions.js";
import { dtypeOf, valueTypeOf } from "../../contract/expression-type.js";
import type { AnyStep, ColumnRef, Step } from "../../contract/plan.js";
import { roundTo } from "../../runtime/base/columns/block-loop.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { internal, invalid, unsupported } from "../../runtime/base/errors.js";
import { type CompiledExpression, compileExpression } from "../../runtime/engine/expression/compile-expression.js";
import { toIntegers, widen } from "../../runtime/engine/expression/integer-vector.js";
import { MISSING, toColumn, toVector, wholeRange } from "../../runtime/engine/expression/vector.js";
import type { Vector } from "../../runtime/engine/expression/vector-kinds.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";

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
            throw internal(`${what} makes ${natural} for \`${name}\`, which is ${dtype} in the plan.`);
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
  throw invalid(`${what} has no expression for \`${name}\`. Build the plan again.`);
}

/** Types that columns have inside an expression. */
export function columnTypes(columns: ReadonlyMap<string, Column>, what: string): ReadonlyMap<string, ValueType> {
  const types = new Map<string, ValueType>();
  for (const [name, { dtype, offsets, width }] of columns) {
    const isList = offsets !== undefined || width !== undefined;
    const type = valueTypeOf({ dtype, ...(isList && { list: { min: 0, max: null } }) });
    if (!type) throw unsupported(`${what} cannot read \`${name}\`, which is ${dtype}.`);
    types.set(name, type);
  }
  return types;
}

export const toVectors = (columns: ReadonlyMap<string, Column>, what: string): ReadonlyMap<string, Vector> =>
  new Map([...columns].map(([name, col]) => [name, toVector(col, `${what}, column \`${name}\`,`)]));

/** Several columns → one. */
export type LambdaLoop = (from: readonly Float64Array[], to: Float64Array, count: number) => void;

/**
 * A user's function on numbers and flags, a block at a time: the same loops over the same expression as `lambdaOp`'s own kernel.
 * @param read columns that it takes, all that the step reads or one of them
 * @param dtypes of these
 */
export function lambdaLoop(
  step: Step<"lambdaOp">,
  read: readonly ColumnRef[],
  name: string,
  dtype: DType,
  dtypes: readonly DType[],
): LambdaLoop {
  const what = `step \`${step.id}\` (lambdaOp)`;
  const names = read.map(ref => ref.name);
  const types = new Map(names.map((n, i): [string, ValueType] => [n, valueTypeOf({ dtype: dtypes[i]! })!]));
  const expression = expressionOf(step, name, what);
  let compiled: CompiledExpression | undefined;
  return (from, to, count) => {
    compiled ??= compileExpression(expression, types, what);
    const vectors = new Map(names.map((n, i) => [n, vectorOf(from[i]!, types.get(n)!, count)]));
    settle(compiled.run(vectors, count), dtype, to, count);
  };
}

function vectorOf(numbers: Float64Array, type: ValueType, count: number): Vector {
  if (type === "number") return { type, values: numbers.subarray(0, count) };
  // The compiler fuses no function that reads integers of 64 bits exactly: those of a block were doubles before.
  if (type === "integer") return toIntegers({ type: "number", values: numbers.subarray(0, count) });
  const values = new Uint8Array(count);
  for (let i = 0; i < count; i++) values[i] = Number.isNaN(numbers[i]) ? MISSING : numbers[i]!;
  return { type: "flag", values };
}

/** As `toColumn` does it; a number that an integer dtype cannot hold is null. */
function settle(vector: Vector, dtype: DType, to: Float64Array, count: number): void {
  if (vector.type === "flag") {
    for (let i = 0; i < count; i++) to[i] = vector.values[i] === MISSING ? Number.NaN : vector.values[i]!;
    return;
  }
  const { values } = vector.type === "integer" ? widen(vector) : (vector as Extract<Vector, { type: "number" }>);
  if (vector.type === "integer" && dtype === "int64") {
    // The largest of them are 2^63 as doubles, which is not one that does not fit.
    to.set(values);
    return;
  }
  if (datatype(dtype).kind === "float") {
    to.set(values);
    roundTo(dtype, to, count);
    return;
  }
  const { low, end } = wholeRange(dtype);
  for (let i = 0; i < count; i++) {
    const whole = Math.trunc(values[i]!);
    // Integers have one zero.
    to[i] = whole >= low && whole < end ? whole + 0 : Number.NaN;
  }
}

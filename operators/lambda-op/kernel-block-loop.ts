/** A user's function on numbers and flags, a block at a time: the same loops over the same expression as `lambdaOp`'s own kernel. */

import type { ValueType } from "../../contract/expression-functions.js";
import { valueTypeOf } from "../../contract/expression-type.js";
import type { ColumnRef, Step } from "../../contract/plan.js";
import { roundTo } from "../../runtime/base/columns/block-loop.js";
import { type CompiledExpression, compileExpression } from "../../runtime/engine/expression/compile-expression.js";
import { toIntegers, widen } from "../../runtime/engine/expression/integer-vector.js";
import { MISSING, wholeRange } from "../../runtime/engine/expression/vector.js";
import type { Vector } from "../../runtime/engine/expression/vector-kinds.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { expressionOf } from "./kernel.js";

/** Several columns → one. */
export type LambdaLoop = (from: readonly Float64Array[], to: Float64Array, count: number) => void;

/**
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

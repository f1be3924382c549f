/** Columns → what a user's function makes of them: the plan's expressions. */

import { and, cast, expand, greaterOrEqual, less, scalar, unary, where } from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { valueTypeOf } from "../../contract/expression-type.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { asNumbers } from "../shared/onnx/expression/integers.js";
import { lowerExpression } from "../shared/onnx/expression/lower-expression.js";
import type { IntegerTerm, NumberTerm, Term } from "../shared/onnx/expression/term.js";
import { isFloat, isList, items, type LoweredColumn, type RowSet, toFloat64 } from "../shared/onnx/lowered-column.js";
import type { LowerContext, Lowering } from "../shared/onnx/lowering.js";

export const lambdaOp: Lowering<"lambdaOp"> = (step, { input }, context) => {
  const terms = columnTerms(
    context,
    step.inputs.input.map(ref => ref.name),
    input,
  );
  return step.outputs.map(({ name, dtype }) =>
    toColumn(context.g, lowerExpression(context, step.params.expressions[name]!, terms), dtype, input[0].rows),
  );
};

/** Columns as parts of an expression. */
export const columnTerms = (
  { g }: LowerContext,
  names: readonly string[],
  columns: readonly LoweredColumn[],
): ReadonlyMap<string, Term> => new Map(columns.map((col, i) => [names[i]!, columnTerm(g, col)]));

function columnTerm(g: GraphBuilder, col: LoweredColumn): Term {
  const domain = col.domain && { domain: col.domain };
  if (isList(col)) {
    const there = col.lengths && items(g, col);
    const lengths = col.lengths && { lengths: col.lengths };
    if (col.dtype === "string")
      return { type: "texts", items: col.values, there, known: col.valid, ...lengths, ...domain };
    return isIntegral(col)
      ? { type: "integers", items: col.values, there, known: col.valid, ...lengths }
      : { type: "numbers", items: toFloat64(g, col), there, ...lengths };
  }
  const valid = col.valid && { valid: col.valid };
  if (col.dtype === "string") return { type: "text", value: col.values, ...valid, ...domain };
  if (isIntegral(col)) return { type: "integer", value: col.values, ...valid };
  if (col.dtype !== "bool") return { type: "number", value: toFloat64(g, col) };
  return { type: "flag", value: col.valid ? and(g, col.values, col.valid) : col.values, ...valid };
}

const isIntegral = ({ dtype }: LoweredColumn): boolean => valueTypeOf({ dtype }) === "integer";

/** Numbers become integers by dropping the fraction; one that the dtype cannot hold is null. */
function toColumn(g: GraphBuilder, term: Term, dtype: DType, rows: RowSet): LoweredColumn {
  const full = (value: Value) => expand(g, value, rows.count);
  if (term.type === "integer") return integerColumn(g, { ...term, value: full(term.value) }, dtype, rows);
  if (term.type === "number") {
    const numbers = full(term.value);
    if (isFloat({ dtype })) return { dtype, rows, values: cast(g, numbers, dtype) };
    const { kind, bytes } = datatype(dtype);
    const bits = bytes * 8;
    const [low, end] = kind === "uint" ? [0, 2 ** bits] : [-(2 ** (bits - 1)), 2 ** (bits - 1)];
    const n = (x: number) => scalar(g, "float64", x);
    const whole = where(g, less(g, numbers, n(0)), unary(g, "Ceil", numbers), unary(g, "Floor", numbers));
    const valid = and(g, greaterOrEqual(g, whole, n(low)), less(g, whole, n(end)));
    const safe = where(g, valid, whole, n(0));
    const values = dtype === "uint64" ? cast(g, cast(g, safe, "uint64"), "int64") : cast(g, safe, "int64");
    return { dtype, rows, values, valid };
  }
  if (term.type !== "flag" && term.type !== "text") throw new Error("an expression made a list.");
  const valid = term.valid && { valid: full(term.valid) };
  const domain = term.type === "text" && term.domain && { domain: term.domain };
  return { dtype, rows, values: full(term.value), ...valid, ...domain };
}

/** One that the dtype cannot hold is null. @param term with a value for each row */
function integerColumn(g: GraphBuilder, term: IntegerTerm, dtype: DType, rows: RowSet): LoweredColumn {
  if (isFloat({ dtype })) return { dtype, rows, values: cast(g, (asNumbers(g, term) as NumberTerm).value, dtype) };
  const { value: values } = term;
  const known = term.valid && { valid: expand(g, term.valid, rows.count) };
  if (dtype === "int64") return { dtype, rows, values, ...known };
  const { kind, bytes } = datatype(dtype);
  const bits = BigInt(8 * bytes);
  const n = (x: bigint) => scalar(g, "int64", x);
  const atLeast = greaterOrEqual(g, values, n(kind === "uint" ? 0n : -(2n ** (bits - 1n))));
  const fits =
    dtype === "uint64" ? atLeast : and(g, atLeast, less(g, values, n(2n ** (kind === "uint" ? bits : bits - 1n))));
  return { dtype, rows, values, valid: known ? and(g, fits, known.valid) : fits };
}

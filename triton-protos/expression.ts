/**
 * The expression document: what a user's function means, as data. The compiler reads the function's syntax and writes this; the
 * runtime runs loops over it; nothing is ever evaluated as source.
 *
 * A value may be missing: null in a column, `undefined` in the function. NaN is the same thing, as everywhere in Merlon. Otherwise
 * each function means what JavaScript's operator or method means.
 */
import { z } from "zod";
import { FUNCTION_NAMES, type FunctionName } from "./expression-functions.js";

export type Expression =
  | { readonly number: number | "Infinity" | "-Infinity" }
  | { readonly text: string }
  | { readonly flag: boolean }
  /** A literal `undefined` or `null`; fits wherever a value does. */
  | { readonly missing: true }
  /** A constant list, for `includes` and indexing. */
  | { readonly list: readonly (number | string)[] }
  | { readonly column: string }
  /** What a `let` around it has named. */
  | { readonly local: string }
  | { readonly let: string; readonly be: Expression; readonly in: Expression }
  | { readonly call: FunctionName; readonly args: readonly Expression[] };

export const expressionSchema: z.ZodType<Expression> = z.lazy(() =>
  z.union([
    z.strictObject({ number: z.union([z.number(), z.literal("Infinity"), z.literal("-Infinity")]) }),
    z.strictObject({ text: z.string() }),
    z.strictObject({ flag: z.boolean() }),
    z.strictObject({ missing: z.literal(true) }),
    z.strictObject({ list: z.array(z.union([z.number(), z.string()])) }),
    z.strictObject({ column: z.string() }),
    z.strictObject({ local: z.string() }),
    z.strictObject({ let: z.string(), be: expressionSchema, in: expressionSchema }),
    z.strictObject({ call: z.enum(FUNCTION_NAMES), args: z.array(expressionSchema) }),
  ]),
);

/** Expressions directly inside one. */
export function partsOf(expression: Expression): readonly Expression[] {
  if ("call" in expression) return expression.args;
  return "let" in expression ? [expression.be, expression.in] : [];
}

/** Columns an expression reads. */
export function columnsOf(expression: Expression): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (at: Expression): void => {
    if ("column" in at) found.add(at.column);
    partsOf(at).forEach(visit);
  };
  visit(expression);
  return found;
}

/** How many parts an expression has, and how deep they nest. */
export function sizeOf(expression: Expression): { readonly parts: number; readonly depth: number } {
  const inner = partsOf(expression).map(sizeOf);
  return {
    parts: 1 + inner.reduce((sum, s) => sum + s.parts, 0),
    depth: 1 + Math.max(0, ...inner.map(s => s.depth)),
  };
}

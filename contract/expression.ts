/**
 * The expression document: what a user's function means, as data. The compiler reads the function's syntax and writes this. The runtime
 * runs loops over it. No source text is ever evaluated.
 *
 * A value may be missing: null in a column, `undefined` in the function. NaN is the same thing, as everywhere in Merlon. Otherwise
 * each function means what JavaScript's operator or method means.
 *
 * A number is a double. An integer has 64 bits, is exact, and wraps on overflow as numpy's int64 does. The compiler decides between the
 * two, so each has its own functions.
 */
import { z } from "zod";
import { FUNCTION_NAMES, type FunctionName } from "./expression-functions.js";

export type Expression =
  | { readonly number: number | "Infinity" | "-Infinity" }
  /** In decimal digits. */
  | { readonly integer: string }
  | { readonly text: string }
  | { readonly flag: boolean }
  /** A literal `undefined` or `null`; fits wherever a value does. */
  | { readonly missing: true }
  /** A constant list, for `includes` and indexing. */
  | { readonly list: readonly (number | string)[] }
  | { readonly integers: readonly string[] }
  /** Integers of a column are numbers unless it is `exact`, which only a column of integers can be. */
  | { readonly column: string; readonly exact?: true }
  /** A name that an enclosing `let` defines. */
  | { readonly local: string }
  | { readonly let: string; readonly be: Expression; readonly in: Expression }
  | { readonly call: FunctionName; readonly args: readonly Expression[] };

/** Whether an integer has 64 bits or fewer. */
export const fitsInt64 = (x: bigint): boolean => BigInt.asIntN(64, x) === x;

/** The pattern is checked first: parsing a long run of digits takes quadratic time. */
const integerSchema = z
  .string()
  .refine(digits => /^-?[0-9]{1,19}$/.test(digits) && fitsInt64(BigInt(digits)), "not an integer of 64 bits");

export const expressionSchema: z.ZodType<Expression> = z.lazy(() =>
  z.union([
    z.strictObject({ number: z.union([z.number(), z.literal("Infinity"), z.literal("-Infinity")]) }),
    z.strictObject({ integer: integerSchema }),
    z.strictObject({ text: z.string() }),
    z.strictObject({ flag: z.boolean() }),
    z.strictObject({ missing: z.literal(true) }),
    z.strictObject({ list: z.array(z.union([z.number(), z.string()])) }),
    z.strictObject({ integers: z.array(integerSchema) }),
    z.strictObject({ column: z.string(), exact: z.literal(true).exactOptional() }),
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
export const columnsOf = (expression: Expression): ReadonlySet<string> => columnsWhere(expression, () => true);

/** Columns whose integers it reads exactly. */
export const exactColumnsOf = (expression: Expression): ReadonlySet<string> =>
  columnsWhere(expression, column => column.exact === true);

type ColumnPart = Extract<Expression, { column: unknown }>;

function columnsWhere(expression: Expression, test: (column: ColumnPart) => boolean): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (at: Expression): void => {
    if ("column" in at && test(at)) found.add(at.column);
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

/**
 * An expression and the types of the columns it reads → the type of its value, or what does not fit. Code that runs a plan's expression
 * calls this first.
 */
import { type DType, datatype } from "../triton-protos/datatype.js";
import type { Expression } from "./expression.js";
import { functionRow, type ValueType } from "./expression-functions.js";
import type { ColumnSchema } from "./schema.js";

/** `"missing"` is a literal `undefined`, which fits every scalar. */
export type FoundType = ValueType | "missing";

/**
 * The type of a column inside an expression; undefined for a type that expressions cannot read. For uint64, no integer type holds every
 * value.
 */
export function valueTypeOf({ dtype, list }: Pick<ColumnSchema, "dtype" | "list">): ValueType | undefined {
  const { kind, duckdb } = datatype(dtype);
  if (duckdb === null || (list && kind === "bool")) return undefined;
  const isInteger = (kind === "int" || kind === "uint") && dtype !== "uint64";
  if (list) return kind === "string" ? "texts" : isInteger ? "integers" : "numbers";
  return kind === "string" ? "text" : kind === "bool" ? "flag" : isInteger ? "integer" : "number";
}

/** Dtype of the values of an expression type. A literal `undefined` alone makes a column of nulls. */
export const dtypeOf = (type: FoundType): DType => (type === "text" ? "string" : type === "flag" ? "bool" : "float64");

/** An expression that does not hold together. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

/** @throws ExpressionError */
export function typeOf(expression: Expression, columns: ReadonlyMap<string, ValueType>): FoundType {
  return visit(expression, columns, new Map());
}

function visit(
  at: Expression,
  columns: ReadonlyMap<string, ValueType>,
  locals: ReadonlyMap<string, FoundType>,
): FoundType {
  if ("number" in at) return "number";
  if ("integer" in at) return "integer";
  if ("text" in at) return "text";
  if ("flag" in at) return "flag";
  if ("missing" in at) return "missing";
  if ("list" in at) return at.list.some(item => typeof item === "string") ? "texts" : "numbers";
  if ("integers" in at) return "integers";
  if ("column" in at) return columnType(at, known(columns.get(at.column), `column \`${at.column}\``));
  if ("local" in at) return known(locals.get(at.local), `name \`${at.local}\``);
  if ("let" in at) return visit(at.in, columns, new Map([...locals, [at.let, visit(at.be, columns, locals)]]));
  return callType(
    at.call,
    at.args.map(arg => visit(arg, columns, locals)),
  );
}

/** A column as a part reads it. @throws ExpressionError when it is read as exact integers and has others */
export function columnType({ column, exact }: Extract<Expression, { column: unknown }>, type: ValueType): ValueType {
  const isInteger = type === "integer" || type === "integers";
  if (exact && !isInteger) throw new ExpressionError(`column \`${column}\` has no integers of 64 bits`);
  if (exact || !isInteger) return type;
  return type === "integer" ? "number" : "numbers";
}

const LISTS: ReadonlySet<string> = new Set(["numbers", "integers", "texts"] satisfies ValueType[]);
export const isListType = (type: FoundType | "same" | "scalar"): boolean => LISTS.has(type);

/** The type a call has. @throws ExpressionError when the arguments do not fit */
export function callType(name: Parameters<typeof functionRow>[0], args: readonly FoundType[]): FoundType {
  const { args: wanted, optional, rest, result } = functionRow(name);
  if (args.length < wanted.length - optional || (args.length > wanted.length && !rest))
    throw new ExpressionError(`\`${name}\` takes ${wanted.length} arguments and gets ${args.length}`);
  let same: FoundType = "missing";
  for (const [i, seen] of args.entries()) {
    const want = wanted[Math.min(i, wanted.length - 1)]!;
    const isScalar = !isListType(seen);
    if (want === "scalar" ? !isScalar : want === "same" ? !isScalar : seen !== want && seen !== "missing")
      throw new ExpressionError(`\`${name}\` takes ${want} and gets ${seen}`);
    if (want !== "same" || seen === "missing") continue;
    if (same !== "missing" && same !== seen) throw new ExpressionError(`\`${name}\` gets both ${same} and ${seen}`);
    same = seen;
  }
  if (args.some((seen, i) => seen === "missing" && isListType(wanted[Math.min(i, wanted.length - 1)]!)))
    throw new ExpressionError(`\`${name}\` takes a list and gets nothing`);
  return result === "same" ? same : result;
}

function known<T>(type: T | undefined, what: string): T {
  if (type === undefined) throw new ExpressionError(`there is no ${what}`);
  return type;
}

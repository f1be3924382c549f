/**
 * The meaning of a part of a user's function during its translation, and its form in messages.
 */
import { type Expression, fitsInt64 } from "../../contract/expression.js";
import type { FunctionName } from "../../contract/expression-functions.js";
import { callType, type FoundType } from "../../contract/expression-type.js";
import { integerTerm, withInteger } from "./integers.js";
import type { ValueTerm } from "./value-term.js";

export type Term =
  | ValueTerm
  /** `new Date(ms)`: the milliseconds, until a part of it is read. */
  | { readonly kind: "date"; readonly milliseconds: Expression }
  /** The parameter of `filter(row => …)`. */
  | { readonly kind: "row"; readonly columns: ReadonlyMap<string, Term> }
  /** A record or list of the file. */
  | { readonly kind: "constant"; readonly value: object }
  /** A column that has a type expressions cannot read, in words. */
  | { readonly kind: "unreadable"; readonly what: string };

export const value = (type: FoundType, expression: Expression): ValueTerm => ({ kind: "value", type, expression });
export const MISSING: ValueTerm = value("missing", { missing: true });

/** A call whose arguments fit. */
export const call = (name: FunctionName, ...args: readonly ValueTerm[]): ValueTerm =>
  withInteger(
    name,
    args,
    value(
      callType(
        name,
        args.map(arg => arg.type),
      ),
      { call: name, args: args.map(arg => arg.expression) },
    ),
  );

/** Plain data of the file as a term. */
export function constant(data: unknown): Term {
  if (data === null || data === undefined || Number.isNaN(data)) return MISSING;
  if (typeof data === "string") return value("text", { text: data });
  if (typeof data === "boolean") return value("flag", { flag: data });
  if (typeof data === "number") return number(data);
  if (typeof data === "bigint") return bigint(data) ?? { kind: "unreadable", what: "a bigint of more than 64 bits" };
  return { kind: "constant", value: data as object };
}

export function number(n: number): ValueTerm {
  if (Object.is(n, -0)) return call("negate", number(0));
  const spelled = n === Number.POSITIVE_INFINITY ? "Infinity" : n === Number.NEGATIVE_INFINITY ? "-Infinity" : n;
  const plain = value("number", { number: spelled });
  const integer = isWhole(n) && { integer: { expression: { integer: String(BigInt(n)) }, flexible: true } };
  return { ...plain, ...integer };
}

/** An integer of 64 bits; undefined for one that has more. */
export const bigint = (n: bigint): ValueTerm | undefined =>
  fitsInt64(n) ? { ...integerTerm({ integer: String(n) }), expression: { number: Number(n) } } : undefined;

const isWhole = (n: unknown): boolean => typeof n === "number" && Number.isInteger(n) && n >= -(2 ** 63) && n < 2 ** 63;

/** A list of the file as a value: all numbers, all texts, or bigints and whole numbers. */
export function listOf(items: readonly unknown[]): ValueTerm | undefined {
  const all = (type: string) => items.length > 0 && items.every(item => typeof item === type);
  if (all("string")) return value("texts", { list: items as string[] });
  if (items.length === 0 || !items.every(item => typeof item === "bigint" || Number.isFinite(item))) return undefined;
  const plain = value("numbers", { list: items.map(Number) });
  const flexible = all("number");
  if (!items.every(item => isWhole(item) || (typeof item === "bigint" && fitsInt64(item))))
    return flexible ? plain : undefined;
  const integers = (items as readonly (number | bigint)[]).map(item => String(BigInt(item)));
  return { ...plain, integer: { expression: { integers }, flexible } };
}

const WORDS: Readonly<Record<FoundType, string>> = {
  number: "a number",
  integer: "an integer",
  text: "a text",
  flag: "true or false",
  numbers: "a list of numbers",
  integers: "a list of integers",
  texts: "a list of texts",
  missing: "nothing",
};

export const describeType = (type: FoundType): string => WORDS[type];

export function describeTerm(term: Term): string {
  if (term.kind === "value") return WORDS[term.type];
  if (term.kind === "date") return "a date";
  if (term.kind === "row") return "a row";
  if (term.kind === "unreadable") return term.what;
  return Array.isArray(term.value) ? "a list" : "a record";
}

/**
 * What a part of a user's function stands for while it is translated, and how it reads in a message.
 */
import type { Expression } from "../../triton-protos/expression.js";
import type { FunctionName } from "../../triton-protos/expression-functions.js";
import { callType, type FoundType } from "../../triton-protos/expression-type.js";

export interface ValueTerm {
  readonly kind: "value";
  readonly type: FoundType;
  readonly expression: Expression;
}

export type Term =
  | ValueTerm
  /** `new Date(ms)`: the milliseconds, until a part of it is asked for. */
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
  value(
    callType(
      name,
      args.map(arg => arg.type),
    ),
    { call: name, args: args.map(arg => arg.expression) },
  );

/** Plain data of the file as a term. */
export function constant(data: unknown): Term {
  if (data === null || data === undefined || Number.isNaN(data)) return MISSING;
  if (typeof data === "string") return value("text", { text: data });
  if (typeof data === "boolean") return value("flag", { flag: data });
  if (typeof data === "number") return number(data);
  return { kind: "constant", value: data as object };
}

export function number(n: number): ValueTerm {
  if (Object.is(n, -0)) return call("negate", number(0));
  const spelled = n === Number.POSITIVE_INFINITY ? "Infinity" : n === Number.NEGATIVE_INFINITY ? "-Infinity" : n;
  return value("number", { number: spelled });
}

/** A list of the file as a value: all numbers, or all texts. */
export function listOf(items: readonly unknown[]): ValueTerm | undefined {
  const all = (type: string) => items.length > 0 && items.every(item => typeof item === type);
  if (all("string")) return value("texts", { list: items as string[] });
  return all("number") && items.every(Number.isFinite) ? value("numbers", { list: items as number[] }) : undefined;
}

const WORDS: Readonly<Record<FoundType, string>> = {
  number: "a number",
  text: "a text",
  flag: "true or false",
  numbers: "a list of numbers",
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

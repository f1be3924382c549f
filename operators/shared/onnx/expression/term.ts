/**
 * The parts of an expression in a graph: numbers as float64 with NaN for missing; integers, flags and texts with a separate flag for it. A
 * literal keeps its value, so that functions of literals alone are worked out while building.
 */

import { and, encode, gather, not, notANumber, or, scalar, where } from "../../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../../compiler/onnx/graph-builder.js";
import type { Value as Plain } from "../../../../contract/expression-functions.js";
import type { FoundType } from "../../../../contract/expression-type.js";

interface Literal {
  /** Present, with the value inside, where the part is the same for every row. */
  readonly literal?: { readonly value: Plain };
}
export interface NumberTerm extends Literal {
  readonly type: "number";
  readonly value: Value;
}
/** int64 */
export interface IntegerTerm extends Literal {
  readonly type: "integer";
  /** Anything where missing. */
  readonly value: Value;
  readonly valid?: Value | undefined;
}
export interface FlagTerm extends Literal {
  readonly type: "flag";
  /** False where missing. */
  readonly value: Value;
  readonly valid?: Value;
}
export interface TextTerm extends Literal {
  readonly type: "text";
  readonly value: Value;
  readonly valid?: Value;
  readonly domain?: ReadonlySet<string>;
}
export interface ListTerm extends Literal {
  readonly type: "numbers" | "integers" | "texts";
  /** [n, longest]; of a literal absent. */
  readonly items?: Value;
  /** Items that are there, null or not. */
  readonly there?: Value | undefined;
  /** Items that are not null, among those. */
  readonly known?: Value | undefined;
  /** int64[n] */
  readonly lengths?: Value;
  readonly domain?: ReadonlySet<string>;
}
export interface MissingTerm extends Literal {
  readonly type: "missing";
}
export type ScalarTerm = NumberTerm | IntegerTerm | FlagTerm | TextTerm;
export type Term = ScalarTerm | ListTerm | MissingTerm;

export function literalTerm(g: GraphBuilder, type: FoundType, value: Plain): Term {
  const literal = { value };
  switch (type) {
    case "number":
      return { type, literal, value: scalar(g, "float64", (value as number | undefined) ?? Number.NaN) };
    case "integer":
      return {
        type,
        literal,
        value: scalar(g, "int64", (value as bigint | undefined) ?? 0n),
        ...missingFlag(g, value),
      };
    case "flag":
      return { type, literal, value: scalar(g, "bool", value === true), ...missingFlag(g, value) };
    case "text": {
      const text = (value as string | undefined) ?? "";
      return { type, literal, value: scalar(g, "string", text), domain: new Set([text]), ...missingFlag(g, value) };
    }
    case "numbers":
    case "integers":
    case "texts":
      return { type, literal };
    case "missing":
      return { type, literal: { value: undefined } };
    default:
      return type satisfies never;
  }
}

const missingFlag = (g: GraphBuilder, value: Plain) => (value === undefined ? { valid: scalar(g, "bool", false) } : {});

/** A literal `undefined` as a missing value of a type. */
export const asType = (g: GraphBuilder, term: Term, type: FoundType): Term =>
  term.type === "missing" ? literalTerm(g, type, undefined) : term;

/** bool; undefined where it is never missing. */
export function missing(g: GraphBuilder, term: Term): Value | undefined {
  if (term.type === "missing") return scalar(g, "bool", true);
  if (term.type === "number") return notANumber(g, term.value);
  return "valid" in term && term.valid ? not(g, term.valid) : undefined;
}

/** Whether a value counts as true: there, and neither 0 nor "". */
export function truthy(g: GraphBuilder, term: Term): Value {
  switch (term.type) {
    case "missing":
      return scalar(g, "bool", false);
    case "flag":
      return term.value;
    case "number":
      return not(g, or(g, notANumber(g, term.value), g.op("Equal", [term.value, scalar(g, "float64", 0)], "bool")));
    case "integer": {
      const some = not(g, g.op("Equal", [term.value, scalar(g, "int64", 0n)], "bool"));
      return term.valid ? and(g, term.valid, some) : some;
    }
    case "text": {
      const full = not(g, isText(g, term, [""]));
      return term.valid ? and(g, term.valid, full) : full;
    }
    default:
      return scalar(g, "bool", true);
  }
}

/** Whether a text is one of some, with any value for a missing one. */
export function isText(g: GraphBuilder, { value }: Pick<TextTerm, "value">, texts: readonly string[]): Value {
  const once = [...new Set(texts)];
  const code = encode(
    g,
    value,
    once,
    once.map(() => 1),
    0,
  );
  return g.op("Equal", [code, scalar(g, "int64", 1n)], "bool");
}

/** The one term where a flag is true, else the other; both of one type. */
export function choose(g: GraphBuilder, test: Value, yes: ScalarTerm, no: ScalarTerm): ScalarTerm {
  if (yes.type === "number") return { type: "number", value: where(g, test, yes.value, no.value) };
  const value = where(g, test, yes.value, no.value);
  const [yesValid, noValid] = [(yes as FlagTerm).valid, (no as FlagTerm).valid];
  const always = scalar(g, "bool", true);
  const valid = yesValid || noValid ? where(g, test, yesValid ?? always, noValid ?? always) : undefined;
  const rest = valid && { valid };
  if (yes.type === "integer") return { type: "integer", value, ...rest };
  if (yes.type === "flag") return { type: "flag", value: valid ? and(g, value, valid) : value, ...rest };
  const [left, right] = [yes.domain, (no as TextTerm).domain];
  return { type: "text", value, ...rest, ...(left && right && { domain: new Set([...left, ...right]) }) };
}

/** The result of a function for each possible text of a term, as a table. @param apply of a text that is not missing */
export function mapTexts(
  g: GraphBuilder,
  term: TextTerm,
  domain: ReadonlySet<string>,
  type: "number" | "flag" | "text",
  apply: (text: string) => Plain,
): ScalarTerm {
  const texts = [...domain].sort();
  const made = texts.map(apply);
  const at = encode(
    g,
    term.value,
    texts,
    texts.map((_, i) => i),
    0,
  );
  const look = (dtype: "float64" | "bool" | "string", values: readonly number[] | readonly string[]): Value =>
    gather(g, g.constant(dtype, [values.length], values as readonly string[]), at);
  if (type === "number") {
    const numbers = look(
      "float64",
      made.map(x => (x as number | undefined) ?? Number.NaN),
    );
    return { type, value: term.valid ? where(g, term.valid, numbers, scalar(g, "float64", Number.NaN)) : numbers };
  }
  const known = made.includes(undefined)
    ? look(
        "bool",
        made.map(x => Number(x !== undefined)),
      )
    : undefined;
  const valid = known && term.valid ? and(g, known, term.valid) : (known ?? term.valid);
  const rest = valid && { valid };
  if (type === "flag") {
    const flags = look(
      "bool",
      made.map(x => Number(x === true)),
    );
    return { type, value: term.valid ? and(g, flags, term.valid) : flags, ...rest };
  }
  const results = made.map(x => (x as string | undefined) ?? "");
  return { type, value: look("string", results), domain: new Set(results), ...rest };
}

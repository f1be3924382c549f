/**
 * Expression → nodes of a graph. Both branches of a condition are computed, as in the kernels. Functions of texts become tables over the texts
 * that a column can hold, where those are known.
 */

import {
  and,
  any,
  cast,
  dim,
  equal,
  expand,
  floor,
  gatherElements,
  greaterOrEqual,
  int64,
  isInf,
  less,
  max,
  min,
  not,
  notANumber,
  or,
  scalar,
  squeeze,
  unsqueeze,
  where,
} from "../../../../compiler/onnx/elementary.js";
import type { Value } from "../../../../compiler/onnx/graph-builder.js";
import type { Expression } from "../../../../contract/expression.js";
import { type FunctionName, functionRow, type Value as Plain } from "../../../../contract/expression-functions.js";
import { callType, type FoundType } from "../../../../contract/expression-type.js";
import { KEEP, type LowerContext } from "../lowering.js";
import { asNumbers, INTEGER_FUNCTIONS, toInteger } from "./integers.js";
import { NUMBER_FUNCTIONS } from "./numbers.js";
import {
  asType,
  choose,
  type FlagTerm,
  type IntegerTerm,
  isText,
  type ListTerm,
  literalTerm,
  mapTexts,
  missing,
  type NumberTerm,
  type ScalarTerm,
  type Term,
  type TextTerm,
  truthy,
} from "./term.js";

/** @param columns by name @param locals by the name of the `let` */
export function lowerExpression(
  context: LowerContext,
  at: Expression,
  columns: ReadonlyMap<string, Term>,
  locals: ReadonlyMap<string, Term> = new Map(),
): Term {
  const { g } = context;
  const part = (inner: Expression) => lowerExpression(context, inner, columns, locals);
  if ("number" in at) return literalTerm(g, "number", Number(at.number));
  if ("integer" in at) return literalTerm(g, "integer", BigInt(at.integer));
  if ("text" in at) return literalTerm(g, "text", at.text);
  if ("flag" in at) return literalTerm(g, "flag", at.flag);
  if ("missing" in at) return literalTerm(g, "missing", undefined);
  if ("list" in at)
    return literalTerm(g, at.list.some(item => typeof item === "string") ? "texts" : "numbers", at.list);
  if ("integers" in at) return literalTerm(g, "integers", at.integers.map(BigInt));
  if ("column" in at) return at.exact ? columns.get(at.column)! : asNumbers(g, columns.get(at.column)!);
  if ("local" in at) return locals.get(at.local)!;
  if ("let" in at) return lowerExpression(context, at.in, columns, new Map([...locals, [at.let, part(at.be)]]));
  return lowerCall(context, at.call, at.args.map(part));
}

function lowerCall(context: LowerContext, name: FunctionName, given: readonly Term[]): Term {
  const { g } = context;
  const types = given.map((term): FoundType => term.type);
  const type = callType(name, types);
  if (given.every(term => term.literal)) {
    const apply = functionRow(name).apply as (...args: Plain[]) => Plain;
    const made = apply(...given.map(term => term.literal!.value));
    return literalTerm(g, type, typeof made === "number" && Number.isNaN(made) ? undefined : made);
  }
  const { args: wanted } = functionRow(name);
  const wantOf = (i: number) => wanted[Math.min(i, wanted.length - 1)]!;
  const found = types.find((seen, i) => wantOf(i) === "same" && seen !== "missing") ?? "number";
  const args = given.map((term, i) => {
    const want = wantOf(i);
    return asType(g, term, want === "same" ? found : want === "scalar" ? term.type : want);
  });
  const generic = GENERIC[name]?.(context, args);
  if (generic) return generic;
  const whole = INTEGER_FUNCTIONS[name];
  if (whole) return whole(g, args as readonly IntegerTerm[]);
  const numeric = NUMBER_FUNCTIONS[name];
  if (numeric && args.every(arg => arg.type === "number"))
    return { type: "number", value: numeric(g, ...args.map(arg => (arg as NumberTerm).value)) };
  return textMethod(context, name, args, type);
}

type Generic = (context: LowerContext, args: readonly Term[]) => Term | undefined;
const flag = (value: Value): FlagTerm => ({ type: "flag", value });
const order =
  (op: "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual"): Generic =>
  ({ g }, [a, b]) =>
    flag(g.op(op, [(a as NumberTerm).value, (b as NumberTerm).value], "bool"));

const GENERIC: Partial<Record<FunctionName, Generic>> = {
  less: order("Less"),
  lessOrEqual: order("LessOrEqual"),
  greater: order("Greater"),
  greaterOrEqual: order("GreaterOrEqual"),
  equal: (context, [a, b]) => flag(same(context, a!, b!)),
  notEqual: (context, [a, b]) => flag(not(context.g, same(context, a!, b!))),
  isMissing: ({ g }, [a]) => flag(missing(g, a!) ?? scalar(g, "bool", false)),
  truthy: ({ g }, [a]) => flag(truthy(g, a!)),
  not: ({ g }, [a]) => flag(not(g, (a as FlagTerm).value)),
  and: ({ g }, [a, b]) => choose(g, truthy(g, a!), b as ScalarTerm, a as ScalarTerm),
  or: ({ g }, [a, b]) => choose(g, truthy(g, a!), a as ScalarTerm, b as ScalarTerm),
  coalesce: ({ g }, [a, b]) => {
    const gone = missing(g, a!);
    return gone ? choose(g, gone, b as ScalarTerm, a as ScalarTerm) : a;
  },
  if: ({ g }, [test, yes, no]) => choose(g, (test as FlagTerm).value, yes as ScalarTerm, no as ScalarTerm),
  toNumber: ({ g }, [a]) => {
    const { value, valid } = a as FlagTerm;
    const number = cast(g, value, "float64");
    return { type: "number", value: valid ? where(g, valid, number, scalar(g, "float64", Number.NaN)) : number };
  },
  widen: ({ g }, [a]) => asNumbers(g, a!),
  toInteger: ({ g }, [a]) => toInteger(g, (a as NumberTerm).value),
  isFinite: ({ g }, [a]) => {
    const { value } = a as NumberTerm;
    return flag(not(g, or(g, notANumber(g, value), isInf(g, value))));
  },
  isInteger: ({ g }, [a]) => {
    const { value } = a as NumberTerm;
    return flag(and(g, equal(g, floor(g, value), value), not(g, isInf(g, value))));
  },
  numbersLength: listLength,
  textsLength: listLength,
  numberAt: (context, [list, at]) => itemAt(context, list as ListTerm, at as NumberTerm),
  textsAt: (context, [list, at]) => itemAt(context, list as ListTerm, at as NumberTerm),
  integerAt: (context, [list, at]) => itemAt(context, list as ListTerm, at as NumberTerm),
  numbersInclude: (context, [list, x]) => includes(context, list as ListTerm, x as NumberTerm),
  integersInclude: (context, [list, x]) => includes(context, list as ListTerm, x as IntegerTerm),
  textsInclude: (context, [list, x]) => includes(context, list as ListTerm, x as TextTerm),
};

/** Two missing values are the same. */
function same({ g }: LowerContext, a: Term, b: Term): Value {
  if (a.type === "number" && b.type === "number")
    return or(g, equal(g, a.value, b.value), and(g, notANumber(g, a.value), notANumber(g, b.value)));
  const [x, y] = [a as IntegerTerm | FlagTerm | TextTerm, b as IntegerTerm | FlagTerm | TextTerm];
  const [text, literal] = x.literal ? [y, x.literal] : [x, y.literal];
  const values =
    x.type === "text" && literal ? isText(g, text, [String(literal.value ?? "")]) : equal(g, x.value, y.value);
  if (!x.valid && !y.valid) return values;
  const always = scalar(g, "bool", true);
  const [here, there] = [x.valid ?? always, y.valid ?? always];
  return or(g, and(g, values, and(g, here, there)), not(g, or(g, here, there)));
}

function listLength({ g }: LowerContext, [list]: readonly Term[]): Term {
  const { lengths, items } = list as ListTerm;
  return { type: "number", value: cast(g, lengths ?? expand(g, dim(g, items!, 1), dim(g, items!, 0)), "float64") };
}

/** A negative place counts from the end; one outside, or between two, has nothing. */
function itemAt(context: LowerContext, list: ListTerm, at: NumberTerm): Term | undefined {
  const { g } = context;
  if (list.literal)
    return context.fail("it picks a place of a literal list", `Write the choice with \`?:\`, or ${KEEP}.`);
  const rows = dim(g, list.items!, 0);
  const length = list.lengths ?? expand(g, dim(g, list.items!, 1), rows);
  const zero = scalar(g, "float64", 0);
  const place = expand(g, at.value, rows);
  const whole = equal(g, floor(g, place), place);
  const fromEnd = where(g, less(g, place, zero), g.op("Add", [place, cast(g, length, "float64")], "float64"), place);
  const inside = and(g, whole, and(g, greaterOrEqual(g, fromEnd, zero), less(g, fromEnd, cast(g, length, "float64"))));
  const safe = cast(g, where(g, inside, fromEnd, zero), "int64");
  const last = g.op("Sub", [dim(g, list.items!, 1), int64(g, 1)], "int64");
  const index = unsqueeze(g, max(g, min(g, safe, last), int64(g, 0)), 1);
  const pick = (values: Value) => squeeze(g, gatherElements(g, values, index), 1);
  const value = pick(list.items!);
  if (list.type === "numbers")
    return { type: "number", value: where(g, inside, value, scalar(g, "float64", Number.NaN)) };
  const valid = list.known ? and(g, inside, pick(list.known)) : inside;
  if (list.type === "integers") return { type: "integer", value, valid };
  return { type: "text", value, valid, ...(list.domain && { domain: list.domain }) };
}

/** Whether a list has the value; a missing one is looked for among missing items. */
function includes(context: LowerContext, list: ListTerm, x: NumberTerm | IntegerTerm | TextTerm): Term {
  const { g } = context;
  if (list.literal) {
    const items = list.literal.value as readonly (number | bigint | string)[];
    if (x.type === "integer") {
      const each = items.map(item => equal(g, x.value, scalar(g, "int64", item as bigint)));
      const found = each.reduce((a, b) => or(g, a, b), scalar(g, "bool", false));
      return flag(x.valid ? and(g, found, x.valid) : found);
    }
    if (x.type === "text") {
      const found = items.length > 0 ? isText(g, x, items as string[]) : scalar(g, "bool", false);
      return flag(x.valid ? and(g, found, x.valid) : found);
    }
    const each = items.map(item => equal(g, x.value, scalar(g, "float64", Number(item))));
    return flag(each.reduce((a, b) => or(g, a, b), scalar(g, "bool", false)));
  }
  const { items, there, known } = list;
  const wide = (value: Value) => unsqueeze(g, expand(g, value, dim(g, items!, 0)), 1);
  let met: Value;
  let nothing: Value | undefined;
  if (x.type === "number") {
    met = equal(g, items!, wide(x.value));
    nothing = and(g, notANumber(g, items!), wide(notANumber(g, x.value)));
  } else {
    met =
      x.type === "text" && x.literal
        ? isText(g, { value: items! }, [String(x.literal.value ?? "")])
        : equal(g, items!, wide(x.value));
    if (known) met = and(g, met, known);
    if (x.valid) met = and(g, met, wide(x.valid));
    if (known && x.valid) nothing = and(g, not(g, known), wide(not(g, x.valid)));
  }
  const hit = nothing ? or(g, met, nothing) : met;
  return flag(any(g, there ? and(g, hit, there) : hit, 1));
}

function textMethod(context: LowerContext, name: FunctionName, args: readonly Term[], type: FoundType): Term {
  const { g } = context;
  const fail = (reason: string): never =>
    context.fail(
      `\`${name}\` ${reason}`,
      `Compute it in the client or in the feature store and read it as a column, or ${KEEP}.`,
    );
  const [text, ...rest] = args;
  if (text?.type !== "text") return fail("has no ONNX operator with JavaScript's meaning for float64");
  if (rest.some(arg => !arg.literal))
    return fail("reads several columns at once, and texts go through a table of one column");
  if (!text.domain) return fail("reads a text that can be anything, and ONNX has no operator for it");
  if (type !== "number" && type !== "flag" && type !== "text") return fail("makes a list of texts");
  const apply = functionRow(name).apply as (...values: Plain[]) => Plain;
  const others = rest.map(arg => arg.literal!.value);
  return mapTexts(g, text, text.domain, type, value => {
    const made = apply(value, ...others);
    return typeof made === "number" && Number.isNaN(made) ? undefined : made;
  });
}

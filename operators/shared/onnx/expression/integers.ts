/**
 * Functions of integers as ONNX nodes on int64. Sums and products wrap there as they do in the kernels. A division by 0, and one of -2^63
 * by -1, crash the process that runs the graph on some machines. Divisors are therefore never either of these.
 */

import {
  add,
  and,
  cast,
  div,
  equal,
  greater,
  greaterOrEqual,
  less,
  lessOrEqual,
  max,
  min,
  mul,
  not,
  notANumber,
  or,
  scalar,
  sub,
  unary,
  where,
} from "../../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../../compiler/onnx/graph-builder.js";
import type { FunctionName } from "../../../../contract/expression-functions.js";
import type { FlagTerm, IntegerTerm, NumberTerm, Term } from "./term.js";

type G = GraphBuilder;
type Integers = (g: G, args: readonly IntegerTerm[]) => Term;

const n = (g: G, x: bigint): Value => scalar(g, "int64", x);

/** bool; undefined where no argument can be missing. */
const allValid = (g: G, ...terms: readonly (Value | undefined)[]): Value | undefined =>
  terms.reduce((a, b) => (a && b ? and(g, a, b) : (a ?? b)), undefined);

const integer = (value: Value, valid: Value | undefined): IntegerTerm => ({
  type: "integer",
  value,
  ...(valid && { valid }),
});

const arithmetic =
  (apply: (g: G, ...values: Value[]) => Value): Integers =>
  (g, args) =>
    integer(apply(g, ...args.map(arg => arg.value)), allValid(g, ...args.map(arg => arg.valid)));

const compare =
  (test: (g: G, a: Value, b: Value) => Value): Integers =>
  (g, [a, b]): FlagTerm => {
    const value = test(g, a!.value, b!.value);
    const valid = allValid(g, a!.valid, b!.valid);
    return { type: "flag", value: valid ? and(g, value, valid) : value };
  };

const negate = (g: G, a: Value): Value => sub(g, n(g, 0n), a);

/** Towards zero, with the remainder; null after a division by zero. */
function divide(g: G, a: IntegerTerm, b: IntegerTerm) {
  const isZero = equal(g, b.value, n(g, 0n));
  const isMinusOne = equal(g, b.value, n(g, -1n));
  const safe = where(g, or(g, isZero, isMinusOne), n(g, 1n), b.value);
  const quotient = div(g, a.value, safe);
  return {
    quotient: where(g, isMinusOne, negate(g, a.value), quotient),
    left: sub(g, a.value, mul(g, quotient, safe)),
    valid: allValid(g, a.valid, b.valid, not(g, isZero)),
  };
}

/** Names without a lowering are not here. */
export const INTEGER_FUNCTIONS: Partial<Record<FunctionName, Integers>> = {
  addIntegers: arithmetic((g, a, b) => add(g, a!, b!)),
  subtractIntegers: arithmetic((g, a, b) => sub(g, a!, b!)),
  multiplyIntegers: arithmetic((g, a, b) => mul(g, a!, b!)),
  remainderIntegers: (g, [a, b]) => {
    const { left, valid } = divide(g, a!, b!);
    return integer(left, valid);
  },
  truncDivideIntegers: (g, [a, b]) => {
    const { quotient, valid } = divide(g, a!, b!);
    return integer(quotient, valid);
  },
  floorDivideIntegers: (g, [a, b]) => {
    const { quotient, left, valid } = divide(g, a!, b!);
    const zero = n(g, 0n);
    const isNegative = g.op("Xor", [less(g, left, zero), less(g, b!.value, zero)], "bool");
    const isBelow = and(g, not(g, equal(g, left, zero)), isNegative);
    return integer(where(g, isBelow, sub(g, quotient, n(g, 1n)), quotient), valid);
  },
  negateInteger: arithmetic((g, a) => negate(g, a!)),
  absInteger: arithmetic((g, a) => where(g, less(g, a!, n(g, 0n)), negate(g, a!), a!)),
  maxIntegers: arithmetic((g, ...all) => all.reduce((a, b) => max(g, a, b))),
  minIntegers: arithmetic((g, ...all) => all.reduce((a, b) => min(g, a, b))),
  lessIntegers: compare(less),
  lessOrEqualIntegers: compare(lessOrEqual),
  greaterIntegers: compare(greater),
  greaterOrEqualIntegers: compare(greaterOrEqual),
};

/** Integers as the nearest doubles, missing ones as NaN; any other term as it is. */
export function asNumbers(g: G, term: Term): Term {
  if (term.type !== "integer" && term.type !== "integers") return term;
  if (term.literal) {
    const { value } = term.literal;
    return term.type === "integer"
      ? { type: "number", literal: { value: value === undefined ? value : Number(value) }, value: widen(g, term) }
      : { type: "numbers", literal: { value: (value as readonly bigint[]).map(Number) } };
  }
  if (term.type === "integer") return { type: "number", value: widen(g, term) };
  const { known, items, ...rest } = term;
  return { ...rest, type: "numbers", items: widen(g, { value: items!, ...(known && { valid: known }) }) };
}

function widen(g: G, { value, valid }: Pick<IntegerTerm, "value" | "valid">): Value {
  const floats = cast(g, value, "float64");
  return valid ? where(g, valid, floats, scalar(g, "float64", Number.NaN)) : floats;
}

/** A number without its fraction; missing where it has more than 64 bits. */
export function toInteger(g: G, numbers: NumberTerm["value"]): IntegerTerm {
  const float = (x: number) => scalar(g, "float64", x);
  const whole = where(g, less(g, numbers, float(0)), unary(g, "Ceil", numbers), unary(g, "Floor", numbers));
  const fits = and(g, greaterOrEqual(g, whole, float(-(2 ** 63))), less(g, whole, float(2 ** 63)));
  const valid = and(g, fits, not(g, notANumber(g, whole)));
  return integer(cast(g, where(g, valid, whole, float(0)), "int64"), valid);
}

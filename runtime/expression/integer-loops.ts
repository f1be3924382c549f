/**
 * Functions of integers over vectors. Where every operand is in doubles, they run as the functions of numbers do, and again over 64-bit words
 * if a result comes out beyond 2^53; the common ones have a loop over words, which the engine compiles to machine arithmetic.
 */
import { type FunctionName, functionRow, type Value } from "../../triton-protos/expression-functions.js";
import { float64s } from "../plan/short-arrays.js";
import { fromIntegers, integerAt, isSafe, largest, SAFE, toWide } from "./integer-vector.js";
import { numberLoop } from "./number-loops.js";
import type { FlagVector, IntegerVector, Vector, WideIntegers } from "./vector.js";

type Doubles = Float64Array;
type DoubleLoop = (a: Doubles, b: Doubles, out: Doubles) => void;

/**
 * Loops over doubles that are integers, for functions that would make a negative zero of some, which integers do not have. The rounded
 * quotient of two of them is on the same side of each integer as the quotient itself.
 */
const OF_DOUBLES: Partial<Record<FunctionName, DoubleLoop>> = {
  multiplyIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! * b[i]! + 0;
  },
  // After a division by zero, Infinity times 0 is NaN.
  remainderIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! - Math.trunc(a[i]! / b[i]!) * b[i]!;
  },
  truncDivideIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = b[i] === 0 ? Number.NaN : Math.trunc(a[i]! / b[i]!) + 0;
  },
  floorDivideIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = b[i] === 0 ? Number.NaN : Math.floor(a[i]! / b[i]!) + 0;
  },
  negateInteger: (a, _, out) => {
    for (let i = 0; i < out.length; i++) out[i] = 0 - a[i]!;
  },
};

/** Functions of numbers that compute the same while everything is exact. */
const OF_NUMBERS: Partial<Record<FunctionName, FunctionName>> = {
  addIntegers: "add",
  subtractIntegers: "subtract",
  absInteger: "abs",
  maxIntegers: "max",
  minIntegers: "min",
  coalesce: "coalesce",
  lessIntegers: "less",
  lessOrEqualIntegers: "lessOrEqual",
  greaterIntegers: "greater",
  greaterOrEqualIntegers: "greaterOrEqual",
  equal: "equal",
  notEqual: "notEqual",
};

/** How far from zero results can be, by how far the arguments are. */
const BOUNDS: Partial<Record<FunctionName, (a: number, b: number) => number>> = {
  addIntegers: (a, b) => a + b,
  subtractIntegers: (a, b) => a + b,
  multiplyIntegers: (a, b) => a * b,
  remainderIntegers: a => a,
  truncDivideIntegers: a => a,
  floorDivideIntegers: a => a,
  negateInteger: a => a,
};

type Words = BigInt64Array;
type WideLoop<Out> = (a: Words, b: Words, out: Out) => void;

const ARITHMETIC: Partial<Record<FunctionName, WideLoop<Words>>> = {
  addIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = BigInt.asIntN(64, a[i]! + b[i]!);
  },
  subtractIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = BigInt.asIntN(64, a[i]! - b[i]!);
  },
  multiplyIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = BigInt.asIntN(64, a[i]! * b[i]!);
  },
};

const COMPARISON: Partial<Record<FunctionName, WideLoop<Uint8Array>>> = {
  lessIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! < b[i]! ? 1 : 0;
  },
  lessOrEqualIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! <= b[i]! ? 1 : 0;
  },
  greaterIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! > b[i]! ? 1 : 0;
  },
  greaterOrEqualIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i]! >= b[i]! ? 1 : 0;
  },
};

/** The call over integers alone; undefined where it has no loop of its own. */
export function integerLoop(
  name: FunctionName,
): ((args: readonly IntegerVector[], rows: number) => Vector) | undefined {
  const onDoubles = doubleLoop(name);
  if (!onDoubles) return undefined;
  const onWords = wideLoop(name);
  const boundOf = BOUNDS[name];
  return (args, rows) => {
    if (args.every(isSafe)) {
      const made = onDoubles(args, rows);
      if (made.type !== "number") return made;
      const { values } = made;
      const least = boundOf
        ? boundOf(args[0]!.bound, args[1]?.bound ?? 0)
        : args.reduce((most, arg) => Math.max(most, arg.bound), 0);
      // A result that was rounded is 2^53 or more.
      const bound = least <= SAFE ? least : largest(values);
      if (bound <= SAFE) return { type: "integer", values, bound };
    }
    return onWords(args.map(toWide), rows);
  };
}

type OnDoubles = (args: readonly { readonly values: Doubles }[], rows: number) => Vector;

function doubleLoop(name: FunctionName): OnDoubles | undefined {
  const own = OF_DOUBLES[name];
  if (own)
    return ([a, b], rows) => {
      const values = float64s(rows);
      own(a!.values, (b ?? a)!.values, values);
      return { type: "number", values };
    };
  const ofNumbers = OF_NUMBERS[name];
  return ofNumbers && (numberLoop(ofNumbers) as OnDoubles | undefined);
}

function wideLoop(name: FunctionName): (args: readonly WideIntegers[], rows: number) => Vector {
  const arithmetic = ARITHMETIC[name];
  if (arithmetic)
    return ([a, b], rows) => {
      const values = new BigInt64Array(rows);
      arithmetic(a!.values, b!.values, values);
      return { type: "integer", values, validity: bothValid(a!, b!) } satisfies WideIntegers;
    };
  const comparison = COMPARISON[name];
  if (comparison)
    return ([a, b], rows) => {
      const values = new Uint8Array(rows);
      comparison(a!.values, b!.values, values);
      const validity = bothValid(a!, b!);
      if (validity) for (let i = 0; i < rows; i++) values[i]! &= validity[i]!;
      return { type: "flag", values } satisfies FlagVector;
    };
  const { result, apply } = functionRow(name);
  const call = apply as unknown as (...values: Value[]) => Value;
  if (result === "flag")
    return (args, rows) => ({
      type: "flag",
      values: Uint8Array.from({ length: rows }, (_, row) => (call(...args.map(arg => integerAt(arg, row))) ? 1 : 0)),
    });
  return (args, rows) => fromIntegers(rows, row => call(...args.map(arg => integerAt(arg, row))) as bigint | undefined);
}

function bothValid({ validity: a }: WideIntegers, { validity: b }: WideIntegers): Uint8Array | undefined {
  if (!a || !b) return a ?? b;
  const both = new Uint8Array(a.length);
  for (let i = 0; i < both.length; i++) both[i] = a[i]! & b[i]!;
  return both;
}

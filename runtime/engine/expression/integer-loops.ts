/**
 * Functions of integers over vectors. If all operands are doubles, they run as the functions of numbers do, and again row by row if a result
 * is beyond 2^53.
 */
import { type FunctionName, functionRow, type Value } from "../../../contract/expression-functions.js";
import { float64s } from "../../base/columns/short-arrays.js";
import { fromIntegers, integerAt, isSafe, largest, SAFE } from "./integer-vector.js";
import { numberLoop } from "./number-loops.js";
import type { IntegerVector, Vector } from "./vector-kinds.js";

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

/** The call over integers alone; undefined where it has no loop of its own. */
export function integerLoop(
  name: FunctionName,
): ((args: readonly IntegerVector[], rows: number) => Vector) | undefined {
  const onDoubles = doubleLoop(name);
  if (!onDoubles) return undefined;
  const onRows = byRow(name);
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
    return onRows(args, rows);
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

/** Row by row, as the function is written. */
function byRow(name: FunctionName): (args: readonly IntegerVector[], rows: number) => Vector {
  const { result, apply } = functionRow(name);
  const call = apply as unknown as (...values: Value[]) => Value;
  const of = (args: readonly IntegerVector[], row: number) => call(...args.map(arg => integerAt(arg, row)));
  if (result === "flag")
    return (args, rows) => ({
      type: "flag",
      values: Uint8Array.from({ length: rows }, (_, row) => (of(args, row) ? 1 : 0)),
    });
  return (args, rows) => fromIntegers(rows, row => of(args, row) as bigint | undefined);
}

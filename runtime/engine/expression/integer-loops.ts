/**
 * Functions of integers over vectors. If all operands are doubles, they run as the functions of numbers do, and again over 64-bit words if
 * a result is beyond 2^53. The common ones have a loop over words, which the engine compiles to machine arithmetic.
 */
import { type FunctionName, functionRow, type Value } from "../../../contract/expression-functions.js";
import { float64s } from "../../base/columns/short-arrays.js";
import { words } from "../../base/columns/words.js";
import { fromIntegers, integerAt, isSafe, largest, SAFE, toWide } from "./integer-vector.js";
import { numberLoop } from "./number-loops.js";
import type { FlagVector, IntegerVector, Vector, WideIntegers } from "./vector-kinds.js";

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
  negateInteger: (a, _, out) => {
    for (let i = 0; i < out.length; i++) out[i] = BigInt.asIntN(64, -a[i]!);
  },
  remainderIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = b[i] === 0n ? 0n : BigInt.asIntN(64, a[i]! % b[i]!);
  },
  truncDivideIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = b[i] === 0n ? 0n : BigInt.asIntN(64, a[i]! / b[i]!);
  },
  floorDivideIntegers: (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const [x, y] = [a[i]!, b[i]!];
      if (y === 0n) continue;
      const quotient = BigInt.asIntN(64, x / y);
      const left = BigInt.asIntN(64, x % y);
      out[i] = left !== 0n && left < 0n !== y < 0n ? BigInt.asIntN(64, quotient - 1n) : quotient;
    }
  },
};
const DIVISIONS: ReadonlySet<FunctionName> = new Set([
  "remainderIntegers",
  "truncDivideIntegers",
  "floorDivideIntegers",
]);

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
      const other = b ?? a!;
      arithmetic(a!.values, other.values, values);
      const valid = bothValid(a!, other);
      const validity = DIVISIONS.has(name) ? withoutZeros(other.values, valid) : valid;
      return { type: "integer", values, validity } satisfies WideIntegers;
    };
  if (name === "equal" || name === "notEqual") return ([a, b], rows) => equalWords(a!, b!, rows, name === "equal");
  if (name === "coalesce") return ([a, b]) => coalesceWords(a!, b!);
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

/** Two missing values are equal. */
function equalWords(a: WideIntegers, b: WideIntegers, rows: number, wanted: boolean): FlagVector {
  const [x, y] = [words(a.values), words(b.values)];
  const values = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) {
    const isSame = x[2 * i] === y[2 * i] && x[2 * i + 1] === y[2 * i + 1];
    values[i] = isSame === wanted ? 1 : 0;
  }
  if (a.validity || b.validity)
    for (let i = 0; i < rows; i++) {
      const [here, there] = [a.validity?.[i] !== 0, b.validity?.[i] !== 0];
      if (!here || !there) values[i] = (here === there) === wanted ? 1 : 0;
    }
  return { type: "flag", values };
}

function coalesceWords(a: WideIntegers, b: WideIntegers): WideIntegers {
  if (!a.validity) return a;
  const values = a.values.slice();
  const validity = a.validity.slice();
  for (let i = 0; i < values.length; i++) {
    if (validity[i] !== 0) continue;
    values[i] = b.values[i]!;
    validity[i] = b.validity?.[i] ?? 1;
  }
  return { type: "integer", values, validity };
}

function withoutZeros(divisors: Words, validity: Uint8Array | undefined): Uint8Array {
  const some = new Uint8Array(divisors.length);
  for (let i = 0; i < some.length; i++) some[i] = divisors[i] === 0n ? 0 : (validity?.[i] ?? 1);
  return some;
}

function bothValid({ validity: a }: WideIntegers, { validity: b }: WideIntegers): Uint8Array | undefined {
  if (!a || !b) return a ?? b;
  const both = new Uint8Array(a.length);
  for (let i = 0; i < both.length; i++) both[i] = a[i]! & b[i]!;
  return both;
}

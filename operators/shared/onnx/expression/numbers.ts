/**
 * Functions of numbers as ONNX nodes on float64, with JavaScript's meaning at the edges. Those whose ONNX operator has no float64 in ONNX Runtime
 * say so.
 */

import {
  abs,
  add,
  and,
  cast,
  div,
  equal,
  greaterOrEqual,
  isInf,
  less,
  max,
  min,
  mul,
  not,
  notANumber,
  or,
  pow,
  scalar,
  sub,
  unary,
  where,
} from "../../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../../compiler/onnx/graph-builder.js";
import type { FunctionName } from "../../../../contract/expression-functions.js";

type G = GraphBuilder;
type Numbers = (g: G, ...args: Value[]) => Value;

const n = (g: G, x: number): Value => scalar(g, "float64", x);
const floor: Numbers = (g, a) => unary(g, "Floor", a!);
const ceil: Numbers = (g, a) => unary(g, "Ceil", a!);
const log: Numbers = (g, a) => unary(g, "Log", a!);
const exp: Numbers = (g, a) => unary(g, "Exp", a!);
const trunc: Numbers = (g, a) => where(g, less(g, a!, n(g, 0)), ceil(g, a!), floor(g, a!));
const fold =
  (combine: (g: G, a: Value, b: Value) => Value, empty: number): Numbers =>
  (g, ...args) => {
    const best = args.reduce((a, b) => combine(g, a, b), args.length ? args[0]! : n(g, empty));
    // One that is missing makes the result missing.
    return args.reduce((made, a) => where(g, notANumber(g, a), a, made), best);
  };

/** Half rounds up, and 0.49999999999999994 to 0. */
const round: Numbers = (g, a) => {
  const low = floor(g, a!);
  return where(g, greaterOrEqual(g, sub(g, a!, low), n(g, 0.5)), add(g, low, n(g, 1)), low);
};

/** ln(1 + x) without losing a small x: log(u) · x / (u − 1), u = 1 + x as it is stored. */
const log1p: Numbers = (g, a) => {
  const u = add(g, n(g, 1), a!);
  const grown = sub(g, u, n(g, 1));
  const small = equal(g, grown, n(g, 0));
  const safe = where(g, small, n(g, 1), grown);
  const made = div(g, mul(g, log(g, u), a!), safe);
  return where(g, small, a!, where(g, isInf(g, a!), log(g, u), made));
};
/** e^x − 1 likewise: (u − 1) · x / log(u), u = e^x as it is stored. */
const expm1: Numbers = (g, a) => {
  const u = exp(g, a!);
  const less1 = sub(g, u, n(g, 1));
  const small = equal(g, less1, n(g, 0));
  const plain = or(g, isInf(g, u), equal(g, u, n(g, 0)));
  const odd = or(g, small, plain);
  const made = div(g, mul(g, less1, a!), where(g, odd, n(g, 1), log(g, u)));
  return where(g, small, a!, where(g, plain, less1, made));
};
/** Not a number to the power of anything but 0, and ±1 to an infinite power, which C takes for 1. */
const power: Numbers = (g, a, b) => {
  const made = pow(g, a!, b!);
  const unit = equal(g, abs(g, a!), n(g, 1));
  const odd = or(g, notANumber(g, b!), and(g, unit, isInf(g, b!)));
  return where(g, odd, n(g, Number.NaN), made);
};

const MS_A_DAY = 86_400_000;
/** Milliseconds that a date can be; NaN else. */
const time: Numbers = (g, a) => {
  const whole = trunc(g, a!);
  const beyond = not(g, less(g, abs(g, whole), n(g, 8.64e15 + 1)));
  return where(g, beyond, n(g, Number.NaN), whole);
};
const days: Numbers = (g, a) => floor(g, div(g, time(g, a!), n(g, MS_A_DAY)));
const modulo = (g: G, a: Value, by: number): Value => sub(g, a, mul(g, floor(g, div(g, a, n(g, by))), n(g, by)));
const clock =
  (unit: number, most: number): Numbers =>
  (g, a) =>
    modulo(g, floor(g, div(g, time(g, a!), n(g, unit))), most);

/** Days since 1970 → year, month (0 …) and day of the Gregorian calendar, counted in eras of 400 years that begin in March. */
function calendar(g: G, a: Value): { readonly year: Value; readonly month: Value; readonly day: Value } {
  const over = (x: Value, by: number) => floor(g, div(g, x, n(g, by)));
  const shifted = add(g, days(g, a), n(g, 719_468));
  const era = over(shifted, 146_097);
  const ofEra = sub(g, shifted, mul(g, era, n(g, 146_097)));
  const leaps = sub(g, add(g, sub(g, ofEra, over(ofEra, 1460)), over(ofEra, 36_524)), over(ofEra, 146_096));
  const yearOfEra = over(leaps, 365);
  const gone = sub(g, add(g, mul(g, yearOfEra, n(g, 365)), over(yearOfEra, 4)), over(yearOfEra, 100));
  const ofYear = sub(g, ofEra, gone);
  const fromMarch = over(add(g, mul(g, ofYear, n(g, 5)), n(g, 2)), 153);
  const first = over(add(g, mul(g, fromMarch, n(g, 153)), n(g, 2)), 5);
  const day = add(g, sub(g, ofYear, first), n(g, 1));
  const month = modulo(g, add(g, fromMarch, n(g, 2)), 12);
  const year = add(g, yearOfEra, mul(g, era, n(g, 400)));
  return { year: where(g, less(g, month, n(g, 2)), add(g, year, n(g, 1)), year), month, day };
}

/** ln x times a factor, and whole for the powers of the base: a `Math.floor` behind it would take 2.9999999999999996 for another number than 3. */
function logarithm(base: number, factor: number): Numbers {
  return (g, a) => {
    const about = mul(g, log(g, a!), n(g, factor));
    const whole = unary(g, "Round", about);
    return where(g, equal(g, pow(g, n(g, base), whole), a!), whole, about);
  };
}

/** Names without a lowering are not here. */
export const NUMBER_FUNCTIONS: Partial<Record<FunctionName, Numbers>> = {
  add: (g, a, b) => add(g, a!, b!),
  subtract: (g, a, b) => sub(g, a!, b!),
  multiply: (g, a, b) => mul(g, a!, b!),
  divide: (g, a, b) => div(g, a!, b!),
  remainder: (g, a, b) => g.op("Mod", [a!, b!], "float64", { attributes: { fmod: { int: 1 } } }),
  power,
  negate: (g, a) => unary(g, "Neg", a!),
  abs: (g, a) => abs(g, a!),
  ceil,
  cos: (g, a) => unary(g, "Cos", a!),
  exp,
  expm1,
  floor,
  fround: (g, a) => cast(g, cast(g, a!, "float32"), "float64"),
  log,
  log10: logarithm(10, Math.LOG10E),
  log1p,
  log2: logarithm(2, Math.LOG2E),
  max: fold(max, Number.NEGATIVE_INFINITY),
  min: fold(min, Number.POSITIVE_INFINITY),
  round,
  sign: (g, a) => where(g, notANumber(g, a!), a!, unary(g, "Sign", a!)),
  sin: (g, a) => unary(g, "Sin", a!),
  sqrt: (g, a) => unary(g, "Sqrt", a!),
  tanh: (g, a) => unary(g, "Tanh", a!),
  trunc,
  dateTime: time,
  year: (g, a) => calendar(g, a!).year,
  month: (g, a) => calendar(g, a!).month,
  dayOfMonth: (g, a) => calendar(g, a!).day,
  dayOfWeek: (g, a) => modulo(g, add(g, days(g, a!), n(g, 4)), 7),
  hours: clock(3_600_000, 24),
  minutes: clock(60_000, 60),
  seconds: clock(1000, 60),
  milliseconds: clock(1, 1000),
};

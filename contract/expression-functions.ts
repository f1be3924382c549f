/**
 * The functions of expressions: signature, and meaning on single values, where `undefined` is a missing one. Both sides of the
 * contract read this table: the compiler types a user's function by it, the runtime's loops mean the same by its `apply`.
 */

/** Types of values inside an expression. A number is a double, an integer has 64 bits. */
export type ValueType = "number" | "integer" | "text" | "flag" | "numbers" | "integers" | "texts";
/** A missing value is `undefined`; an integer is a bigint. */
export type Value = number | bigint | string | boolean | undefined | readonly (number | bigint | string | undefined)[];

export interface FunctionRow {
  /** `"same"`: a scalar of the type the other `"same"` arguments have. `"scalar"`: of any type. */
  readonly args: readonly (ValueType | "same" | "scalar")[];
  /** How many of the last arguments may be left out. */
  readonly optional: number;
  /** The last argument may be repeated. */
  readonly rest: boolean;
  readonly result: ValueType | "same";
  readonly apply: (...args: never[]) => Value;
}

const numeric = (arity: number, apply: (...n: number[]) => number, rest = false): FunctionRow => ({
  args: new Array<"number">(arity).fill("number"),
  optional: 0,
  rest,
  result: "number",
  apply: apply as FunctionRow["apply"],
});
const compare = (apply: (a: number, b: number) => boolean): FunctionRow => ({
  args: ["number", "number"],
  optional: 0,
  rest: false,
  result: "flag",
  apply: apply as FunctionRow["apply"],
});
/** Functions of integers: missing if an argument is, modulo 2^64 if the result has more than 64 bits. */
const integral = (arity: number, apply: (...n: bigint[]) => bigint | undefined, rest = false): FunctionRow => ({
  args: new Array<"integer">(arity).fill("integer"),
  optional: 0,
  rest,
  result: "integer",
  apply: ((...args: (bigint | undefined)[]) => {
    if (args.includes(undefined)) return undefined;
    const made = apply(...(args as bigint[]));
    return made === undefined ? undefined : BigInt.asIntN(64, made);
  }) as FunctionRow["apply"],
});
const compareIntegers = (apply: (a: bigint, b: bigint) => boolean): FunctionRow => ({
  args: ["integer", "integer"],
  optional: 0,
  rest: false,
  result: "flag",
  apply: ((a: bigint | undefined, b: bigint | undefined) =>
    a !== undefined && b !== undefined && apply(a, b)) as FunctionRow["apply"],
});
/** A method of a text: missing text, missing result. A missing position or length is one left out. */
const method = <A extends readonly (string | number | undefined)[]>(
  args: readonly ValueType[],
  optional: number,
  result: ValueType,
  call: (text: string, ...args: A) => Value,
): FunctionRow => ({
  args: ["text", ...args],
  optional,
  rest: false,
  result,
  apply: ((text: string | undefined, ...rest: (string | number | undefined)[]) => {
    if (text === undefined || rest.some((arg, i) => args[i] === "text" && arg === undefined)) return undefined;
    return call(text, ...(rest as unknown as A));
  }) as FunctionRow["apply"],
});
const generic = (
  args: FunctionRow["args"],
  result: FunctionRow["result"],
  apply: (...args: Value[]) => Value,
): FunctionRow => ({ args, optional: 0, rest: false, result, apply: apply as FunctionRow["apply"] });

const datePart = (part: (date: Date) => number): FunctionRow => numeric(1, ms => part(new Date(ms!)));
const MOST_TEXT = 1_000_000;
/** A text that would be very long is missing rather than the end of the process. */
const bounded = (length: number, make: () => string): string | undefined =>
  length >= 0 && length <= MOST_TEXT ? make() : undefined;

export const FUNCTIONS = {
  add: numeric(2, (a, b) => a! + b!),
  subtract: numeric(2, (a, b) => a! - b!),
  multiply: numeric(2, (a, b) => a! * b!),
  divide: numeric(2, (a, b) => a! / b!),
  remainder: numeric(2, (a, b) => a! % b!),
  power: numeric(2, (a, b) => a! ** b!),
  negate: numeric(1, a => -a!),

  abs: numeric(1, Math.abs),
  acos: numeric(1, Math.acos),
  acosh: numeric(1, Math.acosh),
  asin: numeric(1, Math.asin),
  asinh: numeric(1, Math.asinh),
  atan: numeric(1, Math.atan),
  atan2: numeric(2, (a, b) => Math.atan2(a!, b!)),
  atanh: numeric(1, Math.atanh),
  cbrt: numeric(1, Math.cbrt),
  ceil: numeric(1, Math.ceil),
  cos: numeric(1, Math.cos),
  cosh: numeric(1, Math.cosh),
  exp: numeric(1, Math.exp),
  expm1: numeric(1, Math.expm1),
  floor: numeric(1, Math.floor),
  fround: numeric(1, Math.fround),
  hypot: numeric(1, Math.hypot, true),
  log: numeric(1, Math.log),
  log10: numeric(1, Math.log10),
  log1p: numeric(1, Math.log1p),
  log2: numeric(1, Math.log2),
  max: numeric(1, Math.max, true),
  min: numeric(1, Math.min, true),
  round: numeric(1, Math.round),
  sign: numeric(1, Math.sign),
  sin: numeric(1, Math.sin),
  sinh: numeric(1, Math.sinh),
  sqrt: numeric(1, Math.sqrt),
  tan: numeric(1, Math.tan),
  tanh: numeric(1, Math.tanh),
  trunc: numeric(1, Math.trunc),
  isFinite: {
    ...numeric(1, Number),
    result: "flag",
    apply: ((a: number) => Number.isFinite(a)) as FunctionRow["apply"],
  },
  isInteger: {
    ...numeric(1, Number),
    result: "flag",
    apply: ((a: number) => Number.isInteger(a)) as FunctionRow["apply"],
  },

  addIntegers: integral(2, (a, b) => a! + b!),
  subtractIntegers: integral(2, (a, b) => a! - b!),
  multiplyIntegers: integral(2, (a, b) => a! * b!),
  /** Missing after a division by zero, as are the quotients. */
  remainderIntegers: integral(2, (a, b) => (b === 0n ? undefined : a! % b!)),
  /** `Math.trunc(a / b)` */
  truncDivideIntegers: integral(2, (a, b) => (b === 0n ? undefined : a! / b!)),
  /** `Math.floor(a / b)` */
  floorDivideIntegers: integral(2, (a, b) => (b === 0n ? undefined : floorDivide(a!, b!))),
  negateInteger: integral(1, a => -a!),
  absInteger: integral(1, a => (a! < 0n ? -a! : a!)),
  maxIntegers: integral(1, (...all) => all.reduce((a, b) => pickOne(b > a, b, a)), true),
  minIntegers: integral(1, (...all) => all.reduce((a, b) => pickOne(b < a, b, a)), true),
  lessIntegers: compareIntegers((a, b) => a < b),
  lessOrEqualIntegers: compareIntegers((a, b) => a <= b),
  greaterIntegers: compareIntegers((a, b) => a > b),
  greaterOrEqualIntegers: compareIntegers((a, b) => a >= b),
  /** The nearest double. */
  widen: generic(["integer"], "number", a => (a === undefined ? undefined : Number(a))),
  /** Without the fraction; missing where there are more than 64 bits. */
  toInteger: generic(["number"], "integer", a => toInteger(a as number | undefined)),

  less: compare((a, b) => a < b),
  lessOrEqual: compare((a, b) => a <= b),
  greater: compare((a, b) => a > b),
  greaterOrEqual: compare((a, b) => a >= b),

  /** Two missing values are equal. */
  equal: generic(["same", "same"], "flag", (a, b) => a === b),
  notEqual: generic(["same", "same"], "flag", (a, b) => a !== b),
  isMissing: generic(["scalar"], "flag", a => a === undefined),
  truthy: generic(["scalar"], "flag", a => !!a),
  not: generic(["flag"], "flag", a => !a),
  and: generic(["same", "same"], "same", (a, b) => a && b),
  or: generic(["same", "same"], "same", (a, b) => a || b),
  coalesce: generic(["same", "same"], "same", (a, b) => a ?? b),
  if: generic(["flag", "same", "same"], "same", (test, yes, no) => (test ? yes : no)),
  toNumber: generic(["flag"], "number", a => (a === undefined ? undefined : Number(a))),

  concat: method(["text"], 0, "text", (a, b: string) => bounded(a.length + b.length, () => a + b)),
  charAt: method(["number"], 1, "text", (s, i?: number) => s.charAt(i as number)),
  endsWith: method(["text"], 0, "flag", (s, t: string) => s.endsWith(t)),
  includes: method(["text"], 0, "flag", (s, t: string) => s.includes(t)),
  indexOf: method(["text"], 0, "number", (s, t: string) => s.indexOf(t)),
  lastIndexOf: method(["text"], 0, "number", (s, t: string) => s.lastIndexOf(t)),
  lower: method([], 0, "text", s => s.toLowerCase()),
  padEnd: method(["number", "text"], 1, "text", (s, n: number, t?: string) =>
    bounded(Math.max(s.length, n || 0), () => s.padEnd(n, t)),
  ),
  padStart: method(["number", "text"], 1, "text", (s, n: number, t?: string) =>
    bounded(Math.max(s.length, n || 0), () => s.padStart(n, t)),
  ),
  repeat: method(["number"], 0, "text", (s, n?: number) =>
    bounded((n ?? 0) < 0 ? -1 : s.length * Math.trunc(n ?? 0), () => s.repeat(n ?? 0)),
  ),
  replace: method(["text", "text"], 0, "text", (s, from: string, to: string) => s.replace(from, () => to)),
  replaceAll: method(["text", "text"], 0, "text", (s, from: string, to: string) =>
    bounded(s.length + (s.length + 1) * to.length, () => s.replaceAll(from, () => to)),
  ),
  slice: method(["number", "number"], 2, "text", (s, a?: number, b?: number) => s.slice(a, b)),
  split: method(["text"], 0, "texts", (s, by: string) => s.split(by)),
  startsWith: method(["text"], 0, "flag", (s, t: string) => s.startsWith(t)),
  substring: method(["number", "number"], 1, "text", (s, a: number, b?: number) => s.substring(a, b)),
  textAt: method(["number"], 0, "text", (s, i?: number) => (Number.isInteger(i) ? s.at(i!) : undefined)),
  textLength: method([], 0, "number", s => s.length),
  trim: method([], 0, "text", s => s.trim()),
  trimEnd: method([], 0, "text", s => s.trimEnd()),
  trimStart: method([], 0, "text", s => s.trimStart()),
  upper: method([], 0, "text", s => s.toUpperCase()),
  /** `Number(text)`: missing where the text is no number. */
  parseNumber: method([], 0, "number", s => Number(s)),
  /** `String(number)` */
  print: generic(["number"], "text", n => (n === undefined ? undefined : String(n))),
  printInteger: generic(["integer"], "text", n => (n === undefined ? undefined : String(n))),

  numberAt: generic(["numbers", "number"], "number", (list, i) => itemAt(list, i)),
  numbersInclude: generic(["numbers", "number"], "flag", (list, x) => itemsOf(list)?.includes(x as string)),
  numbersLength: generic(["numbers"], "number", list => itemsOf(list)?.length),
  integerAt: generic(["integers", "number"], "integer", (list, i) => itemAt(list, i)),
  integersInclude: generic(["integers", "integer"], "flag", (list, x) => itemsOf(list)?.includes(x as bigint)),
  textsAt: generic(["texts", "number"], "text", (list, i) => itemAt(list, i)),
  textsInclude: generic(["texts", "text"], "flag", (list, x) => itemsOf(list)?.includes(x as string)),
  textsLength: generic(["texts"], "number", list => itemsOf(list)?.length),

  dateTime: datePart(d => d.getTime()),
  year: datePart(d => d.getUTCFullYear()),
  month: datePart(d => d.getUTCMonth()),
  dayOfMonth: datePart(d => d.getUTCDate()),
  dayOfWeek: datePart(d => d.getUTCDay()),
  hours: datePart(d => d.getUTCHours()),
  minutes: datePart(d => d.getUTCMinutes()),
  seconds: datePart(d => d.getUTCSeconds()),
  milliseconds: datePart(d => d.getUTCMilliseconds()),
} as const satisfies Record<string, FunctionRow>;

export type FunctionName = keyof typeof FUNCTIONS;
export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as [FunctionName, ...FunctionName[]];
export const functionRow = (name: FunctionName): FunctionRow => FUNCTIONS[name];

/** A negative place counts from the end; one outside, or between two, has nothing. */
function itemAt(list: Value, place: Value): Value {
  return typeof place === "number" && Number.isInteger(place) ? itemsOf(list)?.at(place) : undefined;
}

/** The parts of a missing text are a missing list. */
const itemsOf = (list: Value) => list as readonly (number | bigint | string | undefined)[] | undefined;

/** `Math.max` and `Math.min` take no bigints. */
const pickOne = (test: boolean, yes: bigint, no: bigint): bigint => (test ? yes : no);

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

function toInteger(a: number | undefined): bigint | undefined {
  const whole = Math.trunc(a ?? Number.NaN);
  return whole >= -(2 ** 63) && whole < 2 ** 63 ? BigInt(whole) : undefined;
}

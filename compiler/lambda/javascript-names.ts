/**
 * JavaScript's names → the functions of expressions, and what to write instead of the names that have none.
 */
import type { FunctionName } from "../../contract/expression-functions.js";

const same = <N extends FunctionName>(...names: N[]): readonly (readonly [string, FunctionName])[] =>
  names.map(name => [name, name] as const);

/** `Math.log1p(x)` */
export const MATH: ReadonlyMap<string, FunctionName> = new Map([
  ...same("abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "cos", "cosh", "exp"),
  ...same("expm1", "floor", "fround", "hypot", "log", "log10", "log1p", "log2", "max", "min", "round", "sign", "sin"),
  ...same("sinh", "sqrt", "tan", "tanh", "trunc"),
  ["pow", "power"],
]);

/** `Math.PI`, `Number.EPSILON` */
export const CONSTANTS: ReadonlyMap<string, number> = new Map([
  ...(["E", "LN10", "LN2", "LOG10E", "LOG2E", "PI", "SQRT1_2", "SQRT2"] as const).map(
    name => [`Math.${name}`, Math[name]] as const,
  ),
  ...(["EPSILON", "MAX_SAFE_INTEGER", "MAX_VALUE", "MIN_SAFE_INTEGER", "MIN_VALUE"] as const).map(
    name => [`Number.${name}`, Number[name]] as const,
  ),
  ["Number.POSITIVE_INFINITY", Number.POSITIVE_INFINITY],
  ["Number.NEGATIVE_INFINITY", Number.NEGATIVE_INFINITY],
]);

/** `Number.isInteger(x)`, `isFinite(x)` */
export const GLOBALS: ReadonlyMap<string, FunctionName> = new Map<string, FunctionName>([
  ["Number.isFinite", "isFinite"],
  ["Number.isInteger", "isInteger"],
  ["isFinite", "isFinite"],
  ["isNaN", "isMissing"],
]);

/** `brand.toLowerCase()` */
export const TEXT_METHODS: ReadonlyMap<string, FunctionName> = new Map<string, FunctionName>([
  ...same("charAt", "concat", "endsWith", "includes", "indexOf", "lastIndexOf", "padEnd", "padStart", "repeat"),
  ...same("replace", "replaceAll", "slice", "split", "startsWith", "substring", "trim", "trimEnd", "trimStart"),
  ["toLowerCase", "lower"],
  ["toUpperCase", "upper"],
]);

/** `new Date(time).getUTCHours()` */
export const DATE_METHODS: ReadonlyMap<string, FunctionName> = new Map<string, FunctionName>([
  ["getTime", "dateTime"],
  ["valueOf", "dateTime"],
  ["getUTCFullYear", "year"],
  ["getUTCMonth", "month"],
  ["getUTCDate", "dayOfMonth"],
  ["getUTCDay", "dayOfWeek"],
  ["getUTCHours", "hours"],
  ["getUTCMinutes", "minutes"],
  ["getUTCSeconds", "seconds"],
  ["getUTCMilliseconds", "milliseconds"],
]);

/** The nearest working alternative, by the unsupported name. */
export const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["Math.random", "A function gives one answer for one row: random choice is `softmaxSampling`'s work."],
  ["Date.now", "The answer would change with the clock: bring the time in as a column."],
  ["Number.isNaN", "A missing number is `undefined` here: write `x == null`."],
  ["parseInt", "Write `Math.trunc(Number(x))`."],
  ["parseFloat", "Write `Number(x)`."],
  ["Number.parseInt", "Write `Math.trunc(Number(x))`."],
  ["Number.parseFloat", "Write `Number(x)`."],
  ["Math.imul", "Write `a * b`."],
  ["toFixed", "Write `Math.round(x * 100) / 100`."],
  ["toString", "Write `String(x)`."],
  ["toLocaleLowerCase", "Write `.toLowerCase()`: the answer must not depend on the machine."],
  ["toLocaleUpperCase", "Write `.toUpperCase()`: the answer must not depend on the machine."],
  ["localeCompare", "Write `a === b`: the order of texts depends on the machine's language."],
  ["substr", "Write `.slice(start, end)`."],
  ["match", "Write `.includes(...)`, `.startsWith(...)` or `.endsWith(...)`."],
  ["matchAll", "Write `.includes(...)`, `.startsWith(...)` or `.endsWith(...)`."],
  ["search", "Write `.indexOf(...)`."],
  ["charCodeAt", 'Compare the text itself, `s[0] === "a"`, or `>> hashBucket(n)` the column.'],
  ["codePointAt", 'Compare the text itself, `s[0] === "a"`, or `>> hashBucket(n)` the column.'],
  ["indexOf", "Write `.includes(x)`."],
  ["map", "A list is read as a whole: `.length`, `[i]`, `.at(i)`, `.includes(x)`."],
  ["filter", "A list is read as a whole: `.length`, `[i]`, `.at(i)`, `.includes(x)`."],
  ["some", "Write `.includes(x)`."],
  ["every", "A list is read as a whole: `.length`, `[i]`, `.at(i)`, `.includes(x)`."],
  ["reduce", "A list is read as a whole: `.length`, `[i]`, `.at(i)`, `.includes(x)`."],
  ["join", "A list is read as a whole: `.length`, `[i]`, `.at(i)`, `.includes(x)`."],
  ["getFullYear", "Write `.getUTCFullYear()`: the answer must not depend on the machine's time zone."],
  ["getMonth", "Write `.getUTCMonth()`: the answer must not depend on the machine's time zone."],
  ["getDate", "Write `.getUTCDate()`: the answer must not depend on the machine's time zone."],
  ["getDay", "Write `.getUTCDay()`: the answer must not depend on the machine's time zone."],
  ["getHours", "Write `.getUTCHours()`: the answer must not depend on the machine's time zone."],
  ["getMinutes", "Write `.getUTCMinutes()`: the answer must not depend on the machine's time zone."],
  ["getSeconds", "Write `.getUTCSeconds()`."],
  ["toISOString", "Put the parts together: `` `${d.getUTCFullYear()}-${d.getUTCMonth() + 1}` ``."],
  ["|", "Write `||` for logic, or `Math.trunc(x)` where `x | 0` was meant."],
  ["&", "Write `&&` for logic, or `x % 2` for a low bit."],
  ["^", "Write `a !== b` for logic, or `**` for a power."],
  ["<<", "Write `x * 2 ** n`."],
  [">>", "Write `Math.floor(x / 2 ** n)`. Operators on columns go outside of the function."],
  [">>>", "Write `Math.floor(x / 2 ** n)`."],
  ["~", "Write `!x` for logic, or `-x - 1`."],
]);

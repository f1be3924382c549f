/**
 * The parts of a user's function that are 64-bit integers: integer columns, bigints, and results of arithmetic with each other and with
 * integer literals. Any of them beside a fraction is a double, as in numpy.
 */
import type { Expression } from "../../contract/expression.js";
import type { FunctionName } from "../../contract/expression-functions.js";
import type { ValueTerm } from "./value-term.js";

/** The function of integers for one of numbers; those of any scalar have one name for both. */
const FORMS: Partial<Record<FunctionName, FunctionName>> = {
  add: "addIntegers",
  subtract: "subtractIntegers",
  multiply: "multiplyIntegers",
  remainder: "remainderIntegers",
  negate: "negateInteger",
  abs: "absInteger",
  max: "maxIntegers",
  min: "minIntegers",
  less: "lessIntegers",
  lessOrEqual: "lessOrEqualIntegers",
  greater: "greaterIntegers",
  greaterOrEqual: "greaterOrEqualIntegers",
  print: "printInteger",
  numberAt: "integerAt",
  numbersInclude: "integersInclude",
  equal: "equal",
  notEqual: "notEqual",
  isMissing: "isMissing",
  truthy: "truthy",
  and: "and",
  or: "or",
  coalesce: "coalesce",
  if: "if",
};

const ROUNDING: ReadonlySet<FunctionName> = new Set(["ceil", "floor", "round", "trunc"]);
const DIVISIONS: Partial<Record<FunctionName, FunctionName>> = {
  floor: "floorDivideIntegers",
  trunc: "truncDivideIntegers",
};

/** Functions that make small whole numbers. */
const WHOLE: ReadonlySet<FunctionName> = new Set([
  ...(["textLength", "textsLength", "numbersLength", "indexOf", "lastIndexOf", "toNumber"] as const),
  ...(["dateTime", "year", "month", "dayOfMonth", "dayOfWeek", "hours", "minutes", "seconds", "milliseconds"] as const),
]);

export const integerTerm = (expression: Expression): ValueTerm => ({
  kind: "value",
  type: "number",
  expression: { call: "widen", args: [expression] },
  integer: { expression, flexible: false },
});

/** A call with its integer form, if its arguments have theirs. @param plain the call as one of numbers */
export function withInteger(name: FunctionName, args: readonly ValueTerm[], plain: ValueTerm): ValueTerm {
  if (ROUNDING.has(name)) return rounded(name, args[0]!, plain);
  if (WHOLE.has(name))
    return { ...plain, integer: { expression: { call: "toInteger", args: [plain.expression] }, flexible: true } };
  // A place in a list is a number.
  const read = name === "numberAt" ? args.slice(0, 1) : args;
  const numbers = read.filter(({ type }) => type === "number" || type === "numbers");
  if (numbers.length === 0 || numbers.some(arg => !arg.integer)) return plain;
  const flexible = numbers.every(arg => arg.integer!.flexible);
  if (name === "divide" && numbers.length === 2 && !flexible)
    return { ...plain, quotient: numbers.map(arg => arg.integer!.expression) };
  const form = FORMS[name];
  if (!form) return plain;
  const expression: Expression = {
    call: form,
    args: args.map(arg => (numbers.includes(arg) ? arg.integer!.expression : arg.expression)),
  };
  if (plain.type === "number")
    return flexible ? { ...plain, integer: { expression, flexible } } : integerTerm(expression);
  return flexible ? plain : { ...plain, expression };
}

/** Rounding leaves an integer as it is, and makes an exact division of a quotient. */
function rounded(name: FunctionName, arg: ValueTerm, plain: ValueTerm): ValueTerm {
  if (arg.integer) return arg.integer.flexible ? { ...plain, integer: arg.integer } : arg;
  const divide = arg.quotient && DIVISIONS[name];
  return divide ? integerTerm({ call: divide, args: arg.quotient }) : plain;
}

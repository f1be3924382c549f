/**
 * Expression → a function from vectors to a vector. Each part of the expression is one loop over all rows; both branches of a condition
 * are computed, which is allowed because no function fails.
 */
import type { Expression } from "../../../contract/expression.js";
import { type FunctionName, functionRow, type Value, type ValueType } from "../../../contract/expression-functions.js";
import { callType, columnType, ExpressionError, type FoundType, typeOf } from "../../../contract/expression-type.js";
import { float64s } from "../../base/columns/short-arrays.js";
import { invalid } from "../../base/errors.js";
import { flagLoop } from "./flag-loops.js";
import { integerLoop } from "./integer-loops.js";
import { fromIntegers, integerAt, isSafe, repeated, toIntegers, widen } from "./integer-vector.js";
import { numberLoop } from "./number-loops.js";
import { fromValues, valueAt } from "./vector.js";
import type { FlagVector, IntegerVector, ListVector, NumberVector, Vector } from "./vector-kinds.js";

export interface CompiledExpression {
  readonly type: FoundType;
  /** @param columns each with a value for each of the rows */
  run(columns: ReadonlyMap<string, Vector>, rows: number): Vector;
}

interface Frame {
  readonly columns: ReadonlyMap<string, Vector>;
  readonly locals: ReadonlyMap<string, Vector>;
  readonly rows: number;
}
interface Part {
  readonly type: FoundType;
  readonly run: (frame: Frame) => Vector;
}

/**
 * @param what names the step in messages
 * @throws RuntimeFault for an expression whose types do not fit
 */
export function compileExpression(
  expression: Expression,
  columns: ReadonlyMap<string, ValueType>,
  what: string,
): CompiledExpression {
  try {
    typeOf(expression, columns);
    const part = compile(expression, columns, new Map());
    return { type: part.type, run: (given, rows) => part.run({ columns: given, locals: new Map(), rows }) };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw invalid(`${what}: ${error.message}. Build the plan again with \`merlon build\`.`);
  }
}

function compile(
  at: Expression,
  columns: ReadonlyMap<string, ValueType>,
  locals: ReadonlyMap<string, FoundType>,
): Part {
  if ("number" in at) {
    const number = Number(at.number);
    return { type: "number", run: ({ rows }) => ({ type: "number", values: float64s(rows).fill(number) }) };
  }
  if ("integer" in at) {
    const integer = BigInt(at.integer);
    return { type: "integer", run: ({ rows }) => repeated(integer, rows) };
  }
  if ("text" in at) return constant("text", at.text);
  if ("flag" in at) return constant("flag", at.flag);
  if ("missing" in at) return constant("missing", undefined);
  if ("list" in at) return constant(at.list.some(item => typeof item === "string") ? "texts" : "numbers", at.list);
  if ("integers" in at) return constant("integers", at.integers.map(BigInt));
  if ("column" in at) {
    const type = columnType(at, columns.get(at.column)!);
    const read = (frame: Frame) => frame.columns.get(at.column)!;
    return { type, run: at.exact ? read : frame => asNumbers(read(frame)) };
  }
  if ("local" in at) return { type: locals.get(at.local)!, run: frame => frame.locals.get(at.local)! };
  if ("let" in at) {
    const be = compile(at.be, columns, locals);
    const within = compile(at.in, columns, new Map([...locals, [at.let, be.type]]));
    return {
      type: within.type,
      run: frame => within.run({ ...frame, locals: new Map([...frame.locals, [at.let, be.run(frame)]]) }),
    };
  }
  return call(
    at,
    at.args.map(arg => compile(arg, columns, locals)),
  );
}

const constant = (type: FoundType, value: Value): Part => ({
  type,
  run: ({ rows }) => fromValues(type, rows, () => value),
});

/** Integers of a column as doubles; anything else as it is. */
function asNumbers(vector: Vector): Vector {
  if (vector.type === "integer") return widen(vector);
  if (vector.type !== "integers") return vector;
  return { ...vector, type: "numbers", items: widen(vector.items as IntegerVector).values };
}

function call({ call: name }: Extract<Expression, { call: unknown }>, args: readonly Part[]): Part {
  const type = callType(
    name,
    args.map(arg => arg.type),
  );
  const areNumbers = args.every(arg => arg.type === "number" || arg.type === "missing");
  if (name === "if" && type === "number") {
    const [test, yes, no] = args as [Part, Part, Part];
    return { type, run: frame => choose(test.run(frame) as FlagVector, numbers(yes, frame), numbers(no, frame)) };
  }
  if (name === "widen") return { type, run: frame => widen(integers(args[0]!, frame)) };
  if (name === "toInteger") return { type, run: frame => toIntegers(numbers(args[0]!, frame)) };
  if (args.some(arg => arg.type === "integer")) {
    const ofIntegers = integerCall(name, type, args);
    if (ofIntegers) return ofIntegers;
  }
  const logic = args.every(arg => arg.type === "flag") ? flagLoop(name) : undefined;
  if (logic)
    return {
      type,
      run: frame =>
        logic(
          args.map(arg => arg.run(frame) as FlagVector),
          frame.rows,
        ),
    };
  const loop = areNumbers ? numberLoop(name) : undefined;
  // Two literal `undefined`s are compared as such, not as numbers.
  if (loop && args.some(arg => arg.type === "number"))
    return {
      type,
      run: frame =>
        loop(
          args.map(arg => numbers(arg, frame)),
          frame.rows,
        ),
    };
  const apply = functionRow(name).apply as (...values: Value[]) => Value;
  return {
    type,
    run: frame => {
      const vectors = plainer(args.map(arg => arg.run(frame)));
      const missing = args.map(arg => arg.type === "missing");
      return fromValues(type, frame.rows, row =>
        apply(...vectors.map((vector, i) => (missing[i] ? undefined : valueAt(vector, row)))),
      );
    },
  };
}

/** A call that has a loop over integers. */
function integerCall(name: FunctionName, type: FoundType, args: readonly Part[]): Part | undefined {
  if (name === "if") {
    const [test, yes, no] = args as [Part, Part, Part];
    return {
      type,
      run: frame => chooseIntegers(test.run(frame) as FlagVector, integers(yes, frame), integers(no, frame)),
    };
  }
  const loop = args.every(arg => arg.type === "integer" || arg.type === "missing") ? integerLoop(name) : undefined;
  return (
    loop && {
      type,
      run: frame =>
        loop(
          args.map(arg => integers(arg, frame)),
          frame.rows,
        ),
    }
  );
}

/** Vectors of integers as ones of numbers where all of them are exact in doubles: single bigints are slow. */
function plainer(vectors: readonly Vector[]): readonly Vector[] {
  const inDoubles = vectors.every(
    ({ type, ...vector }) =>
      (type !== "integer" || isSafe(vector as IntegerVector)) &&
      (type !== "integers" || isSafe((vector as ListVector).items as IntegerVector)),
  );
  return inDoubles ? vectors.map(asNumbers) : vectors;
}

/** A part that is a number or a literal `undefined`. */
const numbers = (part: Part, frame: Frame): NumberVector => part.run(frame) as NumberVector;

/** A part that is an integer or a literal `undefined`. */
function integers(part: Part, frame: Frame): IntegerVector {
  const vector = part.run(frame) as IntegerVector | NumberVector;
  return vector.type === "integer" ? vector : { type: "integer", values: vector.values, bound: 0 };
}

function chooseIntegers(test: FlagVector, yes: IntegerVector, no: IntegerVector): IntegerVector {
  if (isSafe(yes) && isSafe(no)) {
    const { values } = choose(test, { ...yes, type: "number" }, { ...no, type: "number" });
    return { type: "integer", values, bound: Math.max(yes.bound, no.bound) };
  }
  const flags = test.values;
  return fromIntegers(flags.length, row => integerAt(flags[row] === 1 ? yes : no, row));
}

function choose(test: FlagVector, yes: NumberVector, no: NumberVector): NumberVector {
  const flags = test.values;
  const values = new Float64Array(flags.length);
  for (let i = 0; i < flags.length; i++) values[i] = flags[i] === 1 ? yes.values[i]! : no.values[i]!;
  return { type: "number", values };
}

/**
 * Expression → a function from vectors to a vector. Each part of the expression is one loop over all rows; both branches of a condition
 * are computed, which is allowed because no function fails.
 */
import type { Expression } from "../../triton-protos/expression.js";
import { functionRow, type Value, type ValueType } from "../../triton-protos/expression-functions.js";
import { callType, ExpressionError, type FoundType, typeOf } from "../../triton-protos/expression-type.js";
import { RuntimeFault } from "../errors.js";
import { numberLoop } from "./number-loops.js";
import { type FlagVector, fromValues, type NumberVector, type Vector, valueAt } from "./vector.js";

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
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `${what}: ${error.message}. Build the plan again with \`merlon build\`.`,
    );
  }
}

function compile(
  at: Expression,
  columns: ReadonlyMap<string, ValueType>,
  locals: ReadonlyMap<string, FoundType>,
): Part {
  if ("number" in at) return constant("number", Number(at.number));
  if ("text" in at) return constant("text", at.text);
  if ("flag" in at) return constant("flag", at.flag);
  if ("missing" in at) return constant("missing", undefined);
  if ("list" in at) return constant(at.list.some(item => typeof item === "string") ? "texts" : "numbers", at.list);
  if ("column" in at) return { type: columns.get(at.column)!, run: frame => frame.columns.get(at.column)! };
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
  const loop = areNumbers ? numberLoop(name) : undefined;
  // Two literal `undefined`s are compared as what they are, not as numbers.
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
      const vectors = args.map(arg => arg.run(frame));
      const missing = args.map(arg => arg.type === "missing");
      return fromValues(type, frame.rows, row =>
        apply(...vectors.map((vector, i) => (missing[i] ? undefined : valueAt(vector, row)))),
      );
    },
  };
}

/** A part that is a number or a literal `undefined`. */
const numbers = (part: Part, frame: Frame): NumberVector => part.run(frame) as NumberVector;

function choose(test: FlagVector, yes: NumberVector, no: NumberVector): NumberVector {
  const flags = test.values;
  const values = new Float64Array(flags.length);
  for (let i = 0; i < flags.length; i++) values[i] = flags[i] === 1 ? yes.values[i]! : no.values[i]!;
  return { type: "number", values };
}

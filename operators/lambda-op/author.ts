/** A user's function of columns, read as syntax and compiled to an expression. */
import { z } from "zod";
import * as messages from "../../compiler/diagnostics/messages.js";
import { type ColumnFunction, type LambdaReference, lambdaReference } from "../../compiler/dsl/lambda.js";
import { Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { ParameterName } from "../../compiler/lambda/parameter.js";
import { columnTerm, type UserFunction } from "../../compiler/lambda/user-function.js";
import type { Expression } from "../../contract/expression.js";
import { dtypeOf } from "../../contract/expression-type.js";
import { ID_SPACES } from "../../contract/id-space.js";
import { type ColumnSchema, column } from "../../contract/schema.js";
import { DISTANCE } from "../../contract/similarity.js";
import { DATATYPES, type DType, datatype } from "../../triton-protos/datatype.js";
import type { Bound } from "../shared/author/bound.js";
import { need, sameRows } from "../shared/author/columns.js";
import { type Call, defineOp, type Inferred } from "../shared/author/define-op.js";
import { numbersOf } from "../shared/author/elementwise.js";

export interface LambdaOptions {
  /** Name of the column it makes. Default: that of the first parameter; with one parameter, each column keeps its name. */
  readonly name?: string;
  /**
   * Dtype of numbers; integers drop the fraction, and a value that does not fit is null. `int64` keeps integers exact beyond 2^53. Default:
   * `float64`, `bool` or `string`.
   */
  readonly dtype?: DType;
}

/** Parameter names choose the columns, and types cannot see names: only a named column of a known dtype is known to the checker. */
interface LambdaRule<O extends LambdaOptions> extends Rule {
  readonly fault: never;
  readonly out: O extends { readonly name: infer N extends string; readonly dtype: infer T extends string }
    ? `${T} ${N}`
    : string;
}

/**
 * Computes a column from columns of the same row. The function is read, never run: arithmetic, comparison, logic, conditions, `Math`,
 * methods of texts, items of lists, parts of dates, and constants of the file. A missing value is `undefined`, and so is NaN.
 *
 * Several parameters are columns by name, and make one column. One parameter is each column in turn.
 * @example events >> lambdaOp((price, quantity) => Math.log1p(price * quantity), { name: "spent" })
 * @example ["price", "list_price"] >> lambdaOp(x => x / 100)
 */
export const lambdaOp = <const O extends LambdaOptions = Record<never, never>>(
  f: ColumnFunction,
  options?: O,
): Op<LambdaRule<O>> => new Op("lambdaOp", { lambda: lambdaReference(f), ...options });

/** A function, as the graph stores it. */
export const lambdaSchema: z.ZodType<LambdaReference> = z.strictObject({
  index: z.number().exactOptional(),
  captured: z.record(
    z.string(),
    z.union([z.strictObject({ value: z.unknown() }), z.strictObject({ seen: z.string() })]),
  ),
});

const dtypes = DATATYPES.filter(row => row.duckdb !== null && row.kind !== "bool").map(row => row.name) as [
  DType,
  ...DType[],
];

const params = z.strictObject({
  lambda: lambdaSchema,
  name: z.string().min(1).optional(),
  dtype: z.enum(dtypes).optional(),
});
type Author = z.output<typeof params>;

export const lambdaOpOp = defineOp({
  kind: "lambdaOp",
  params,
  infer: (call): Inferred<"lambdaOp"> | undefined => {
    const lambda = call.readFunction(call.params.lambda, "lambdaOp");
    if (!lambda) return undefined;
    const [only, ...others] = lambda.parameters;
    const isEach = only?.form === "name" && others.length === 0;
    // With a name, one parameter is one column: it may be called anything when there is no choice.
    if (isEach && (call.params.name === undefined || call.input.length === 1)) return each(call, lambda);
    return together(call, lambda);
  },
});

/** The function on every column by itself. */
function each(call: Call<Author>, lambda: UserFunction): Inferred<"lambdaOp"> | undefined {
  const made = call.input.map(bound => make(call, lambda, call.params.name ?? bound.column.name, [bound], () => bound));
  return made.includes(undefined)
    ? undefined
    : finish(
        call,
        lambda,
        call.input,
        made.map(m => m!),
      );
}

/** The function on columns by name: one column. */
function together(call: Call<Author>, lambda: UserFunction): Inferred<"lambdaOp"> | undefined {
  const names = lambda.parameters.flatMap(parameter => parameter.names);
  const bound = names.map(name =>
    need(call, call.input, name.column, "The function", "Name its parameters like the columns it reads.", {
      at: { file: lambda.file, ...name.range },
    }),
  );
  if (bound.includes(undefined)) return undefined;
  const input = [...new Set(bound.map(b => b!))];
  if (input.length === 0)
    return call.fail(
      messages.lambdaUnsupported({
        what: "A function without parameters",
        way: "Name the columns it reads: `(price, quantity) => …`.",
      }),
      { at: { file: lambda.file, ...lambda.range } },
    );
  if (!sameRows(call, input, "`lambdaOp`")) return undefined;
  const find = (name: ParameterName) => bound[names.indexOf(name)]!;
  const made = make(call, lambda, call.params.name ?? input[0]!.column.name, input, find);
  return made && finish(call, lambda, input, [made]);
}

interface Made {
  readonly schema: ColumnSchema;
  readonly expression: Expression;
}

function make(
  call: Call<Author>,
  lambda: UserFunction,
  name: string,
  input: readonly Bound[],
  find: (name: ParameterName) => Bound,
): Made | undefined {
  const compiled = lambda.compile(parameter => columnTerm(find(parameter)));
  if (!compiled) return undefined;
  const natural = dtypeOf(compiled.type);
  const { dtype = natural } = call.params;
  if (dtype !== natural && (natural !== "float64" || datatype(dtype).kind === "string"))
    return call.fail(
      messages.lambdaType({
        operator: `\`dtype: "${dtype}"\``,
        wanted: datatype(dtype).kind === "string" ? "a text" : "a number",
        seen: natural === "string" ? "a text" : natural === "bool" ? "true or false" : "a number",
        way: natural === "bool" ? "Return `x ? 1 : 0`." : "Return `Number(x)` or `String(x)`, or leave `dtype` out.",
      }),
      { literal: dtype },
    );
  const [first] = input;
  // Properties of one column hold for a column made of it alone, unless they describe values.
  const {
    domain: _,
    value_count: __,
    [ID_SPACES]: ___,
    [DISTANCE]: ____,
    ...properties
  } = numbersOf(first!.column, dtype).properties;
  const said = input.length === 1 ? { tags: first!.column.tags, properties } : {};
  return { schema: column(name, dtype, { rows: first!.column.rows, ...said }), expression: compiled.expression };
}

const finish = (
  call: Call<Author>,
  lambda: UserFunction,
  input: readonly Bound[],
  made: readonly Made[],
): Inferred<"lambdaOp"> => ({
  params: {
    text: lambda.source,
    expressions: Object.fromEntries(made.map(({ schema, expression }) => [schema.name, expression])),
    ...(call.params.dtype && { dtype: call.params.dtype }),
  },
  inputs: { input },
  outputs: made.map(({ schema }) => schema),
});

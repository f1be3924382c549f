/** `lambdaOp` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { type Expression, exactColumnsOf, expressionSchema } from "../../contract/expression.js";
import { typeOf, valueTypeOf } from "../../contract/expression-type.js";
import { datatype, isWide } from "../../triton-protos/datatype.js";
import { type NamedSchema, PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { dtype, perColumn } from "../shared/spec/params.js";

/** Blocks hold doubles: neither an exact 64-bit integer nor text fits. A function of a list column needs the whole list. */
function runsInBlocks(expressions: Readonly<Record<string, Expression>>, inputs: readonly NamedSchema[]): boolean {
  if (inputs.some(({ schema }) => schema.list)) return false;
  const types = new Map(inputs.map(({ name, schema }) => [name, valueTypeOf(schema)!]));
  const wide = new Set(inputs.filter(({ schema }) => isWide(datatype(schema.dtype))).map(({ name }) => name));
  return Object.values(expressions).every(
    expression => typeOf(expression, types) !== "text" && ![...exactColumnsOf(expression)].some(name => wide.has(name)),
  );
}

/** A user's function, compiled: one expression for each column it makes. */
export const lambdaOp = operator({
  params: z.strictObject({
    /** The function as its author wrote it, for people. */
    text: z.string(),
    expressions: perColumn(expressionSchema),
    /** Dtype of the result, if the author set one. */
    dtype: dtype.optional(),
  }),
  ports: { input: "many" },
  facts: {
    ...PER_COLUMN,
    takesFunction: true,
    nulls: "possible",
    fuses: ({ expressions }, inputs) => runsInBlocks(expressions, inputs),
    describes: false,
    scores: true,
  },
  describe: ({ params }) => params.text,
  expressions: ({ params, outputs }) => outputs.map(({ name, dtype }) => [params.expressions[name]!, dtype]),
});

/** `lambdaOp` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { expressionSchema } from "../../contract/expression.js";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { dtype, perColumn } from "../shared/spec/params.js";

/** A user's function, compiled: one expression for each column it makes. */
export const lambdaOp = operator({
  params: z.strictObject({
    /** The function as its author wrote it, for people. */
    text: z.string(),
    expressions: perColumn(expressionSchema),
    /** Dtype of what it makes, where the author asked for one. */
    dtype: dtype.optional(),
  }),
  facts: { ...PER_COLUMN, nulls: "possible", fuses: true, describes: false, scores: true },
  describe: ({ params }) => params.text,
});

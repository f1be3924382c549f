/** `boost` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { expressionSchema } from "../../contract/expression.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Rows for which the condition holds get `score · multiply + add`. */
export const boost = operator({
  params: z.strictObject({
    text: z.string(),
    condition: expressionSchema,
    /** Column that is changed. */
    score: z.string(),
    multiply: z.number().default(1),
    add: z.number().default(0),
  }),
  ports: { input: "many" },
  facts: {
    ...STAGE,
    takesFunction: true,
    nulls: "possible",
    rows: "kept",
    cacheable: false,
    scores: params => params.score,
  },
  describe: ({ params }) => {
    const { score, multiply, add, text } = params;
    return `${score}${multiply === 1 ? "" : ` · ${multiply}`}${add === 0 ? "" : ` ${add < 0 ? "−" : "+"} ${Math.abs(add)}`} where ${text}`;
  },
});

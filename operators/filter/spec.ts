/** `filter` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { columnsOf, expressionSchema } from "../../contract/expression.js";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Keeps the rows for which the condition holds. */
export const filter = operator({
  params: z.strictObject({ text: z.string(), condition: expressionSchema }),
  ports: { input: "many" },
  facts: {
    ...TOGETHER,
    takesFunction: true,
    nulls: "as read",
    rows: "changed",
    filters: true,
    leavesOut: { by: params => columnsOf(params.condition), without: "nothing" },
  },
  describe: ({ params }) => `keep rows where ${params.text}`,
  expressions: ({ params }) => [[params.condition, "bool"]],
});

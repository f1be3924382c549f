/** `topK` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { orderingColumns, propensityParam, withPropensities } from "../shared/spec/propensity.js";

export const topK = operator({
  params: z.strictObject({ topk: z.number().int().min(1).default(10), propensity: propensityParam }),
  ports: { input: "one", relevance: "one" },
  makes: orderingColumns,
  facts: { ...CHOSEN, nulls: "as read", orders: () => "by score" },
  describe: ({ params, names }) => `keep the ${params.topk} best by ${names("relevance")}${withPropensities(params)}`,
});

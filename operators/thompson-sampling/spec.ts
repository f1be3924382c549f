/** `thompsonSampling` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { orderingColumns, propensityParam, withPropensities } from "../shared/spec/propensity.js";

export const thompsonSampling = operator({
  params: z.strictObject({
    topk: z.number().int().min(1).default(10),
    /** Multiplies standard deviations. */
    scale: z.number().min(0).default(1),
    seed: z.number().int().optional(),
    propensity: propensityParam,
  }),
  ports: { input: "one", relevance: "one", variance: "one" },
  makes: orderingColumns,
  facts: {
    ...CHOSEN,
    nulls: "as read",
    orders: ({ scale }) => (scale === 0 ? "by score" : "by drawn scores"),
    withoutChance: params => (params.scale === 0 ? undefined : { ...params, scale: 0 }),
  },
  describe: ({ params, names }) =>
    `keep the ${params.topk} largest of normal draws with mean ${names("relevance")} and variance ${names("variance")}${params.scale === 1 ? "" : `, deviations times ${params.scale}`}${withPropensities(params)}`,
});

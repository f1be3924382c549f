/** `softmaxSampling` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { minPropensityParam, uniformFloor, withFloor } from "../shared/spec/exploration.js";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { orderingColumns, propensityParam, withPropensities } from "../shared/spec/propensity.js";

export const softmaxSampling = operator({
  params: z.strictObject({
    topk: z.number().int().min(1).default(10),
    /** Multiplies the scores, as in Merlin: larger is greedier. */
    temperature: z.number().default(20),
    mode: z.enum(["sample", "greedy"]).default("sample"),
    seed: z.number().int().optional(),
    propensity: propensityParam,
    minPropensity: minPropensityParam,
  }),
  ports: { input: "one", relevance: "one" },
  makes: orderingColumns,
  facts: {
    ...CHOSEN,
    nulls: "as read",
    orders: ({ mode, temperature, minPropensity }) => {
      const uniform = uniformFloor(minPropensity);
      return mode === "sample" ? { temperature, ...(uniform && { uniform }) } : "by score";
    },
    withoutChance: ({ minPropensity: _, ...params }) =>
      params.mode === "sample" ? { ...params, mode: "greedy" as const } : undefined,
  },
  describe: ({ params, names }) =>
    (params.mode === "greedy"
      ? `keep the ${params.topk} best by ${names("relevance")}`
      : `draw ${params.topk} by ${names("relevance")}, temperature ${params.temperature}`) +
    withFloor(params) +
    withPropensities(params),
});

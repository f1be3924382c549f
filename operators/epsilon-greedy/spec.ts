/** `epsilonGreedy` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { minPropensityParam, withFloor } from "../shared/spec/exploration.js";
import { CHOSEN, type DrawRule } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { orderingColumns, propensityParam, withPropensities } from "../shared/spec/propensity.js";

const params = z.strictObject({
  topk: z.number().int().min(1).default(10),
  /** Probability of a uniform draw. */
  epsilon: z.number().min(0).max(1).default(0.1),
  per: z.enum(["position", "list"]).default("position"),
  seed: z.number().int().optional(),
  propensity: propensityParam,
  minPropensity: minPropensityParam,
});

/** The draw of a step with these parameters; empty if it has no chance. */
export const ruleOf = ({ epsilon, per, minPropensity }: z.output<typeof params>): DrawRule =>
  epsilon === 0 && minPropensity === undefined ? {} : { uniform: { epsilon, least: minPropensity ?? 0, per } };

export const epsilonGreedy = operator({
  params,
  ports: { input: "one", relevance: "one" },
  makes: orderingColumns,
  facts: {
    ...CHOSEN,
    nulls: "as read",
    orders: given => (ruleOf(given).uniform ? ruleOf(given) : "by score"),
    withoutChance: given => {
      const { minPropensity: _, ...others } = given;
      return ruleOf(given).uniform && { ...others, epsilon: 0 };
    },
  },
  describe: ({ params: given, names }) => {
    const { topk, epsilon, per } = given;
    const draw = per === "list" ? "the whole list" : "each position";
    return `keep the ${topk} best by ${names("relevance")}, ${draw} uniform with probability ${epsilon}${withFloor(given)}${withPropensities(given)}`;
  },
});

/** The last stage of random ensembles: every operator that orders, with its options. */
import fc from "fast-check";
import {
  diversify,
  epsilonGreedy,
  lambdaOp,
  limitPerGroup,
  queryEmbedding,
  softmaxSampling,
  topK,
} from "#compiler/dsl/index.js";
import type { AnyNode } from "#compiler/dsl/node.js";
import { f } from "./random-functions.js";

const ORDERS = ["sample", "greedy", "topK", "limit", "mmr", "dpp", "explore"] as const;

export interface OrderChoice {
  readonly order: (typeof ORDERS)[number];
  readonly keep: number;
  readonly temperature: number;
  readonly seed: number | undefined;
  readonly balance: number;
  /** Numbers, or texts of which some are missing. */
  readonly group: "level" | "named";
  readonly max: number | undefined;
  readonly places: number;
  /** Adds the columns of probabilities, if the operator has them. */
  readonly propensity: boolean;
}

export const orderChoice = {
  order: fc.constantFrom(...ORDERS),
  keep: fc.integer({ min: 1, max: 12 }),
  temperature: fc.constantFrom(3, 0, -2, 1e-8, 200),
  seed: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
  balance: fc.constantFrom(0, 0.3, 0.6, 1),
  group: fc.constantFrom("level", "named"),
  max: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  places: fc.integer({ min: 1, max: 3 }),
  propensity: fc.boolean(),
} as const;

export function order(of: OrderChoice, id: AnyNode, score: AnyNode): AnyNode {
  const { keep: topk, temperature, seed, balance, group, max, propensity } = of;
  switch (of.order) {
    case "sample":
    case "greedy": {
      const options = { topk, temperature, mode: of.order, propensity, ...(seed !== undefined && { seed }) } as const;
      return id.pipe(softmaxSampling(score, options));
    }
    case "explore": {
      const per = max === undefined ? "position" : "list";
      return id.pipe(
        epsilonGreedy(score, { topk, epsilon: balance, per, propensity, ...(seed !== undefined && { seed }) }),
      );
    }
    case "topK":
      return id.pipe(topK(score, { topk, propensity }));
    case "limit": {
      const [dtype, known] = group === "level" ? ([{ dtype: "int32" }, "1"] as const) : ([{}, "b1"] as const);
      const groups: AnyNode = id.pipe(lambdaOp(f(group), { name: "group", ...dtype }));
      const atLeast = { [known]: Math.min(of.places, topk, max ?? topk) };
      return id.pipe(limitPerGroup(score, groups, { topk, atLeast, ...(max && { max }) }));
    }
    default: {
      const vector: AnyNode = id.pipe(queryEmbedding("tables/items.embedding", { name: "vector" }));
      return id.pipe(diversify(score, vector, { topk, method: of.order, balance }));
    }
  }
}

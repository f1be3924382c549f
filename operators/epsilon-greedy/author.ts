/** Orders candidates by their scores, with a uniform draw by chance. */

import * as messages from "../../compiler/diagnostics/messages.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { type ColumnsOfNode, type OrderingRule, orderingOp, type WithPropensity } from "../shared/author/ordering.js";

/**
 * Takes the `topk` best candidates per user, best first, and explores with probability `epsilon`. A position that explores has a candidate
 * drawn uniformly from those that no position above has. Answers `ordered_ids` and their original `ordered_scores`. A draw depends on the seed, on the step and on the user's
 * own candidates. A score that is missing or NaN is an error that names the candidate; infinite scores are first or last.
 *
 * With `propensity` the result has two further columns, both float64, as [`softmaxSampling`](#softmaxsampling) has them. With n candidates left
 * at a position, the best one of them has probability 1 − ε + ε / n, and each other one ε / n. With `per: "list"`, one decision is for the
 * whole list. A position then has the conditional probability given the items above it: after an item that is not the best, 1 / n for each.
 * @param relevance one column of scores, one per candidate
 * @param options.topk how many; fewer where there are fewer candidates @default 10
 * @param options.epsilon probability of the uniform draw, from 0 to 1; 0 has no chance @default 0.1
 * @param options.per `"position"` decides at each position, `"list"` once for the whole list @default "position"
 * @param options.minPropensity smallest probability of each candidate left at a position: raises `epsilon` to n times this, at most to 1.
 * Not with `per: "list"`
 * @param options.seed makes every answer repeatable; a request may bring its own as parameter `seed`
 * @param options.propensity adds `propensity` and `list_propensity` @default false
 * @example pairs["item_id"] >> epsilonGreedy(ranking["score"], { topk: 10, epsilon: 0.05 })
 */
export const epsilonGreedy = <N extends AnyNode, const P extends boolean = false>(
  relevance: N,
  options: WithPropensity<OpParamsInput["epsilonGreedy"], P> = {},
): Op<OrderingRule<"epsilonGreedy", ColumnsOfNode<N>, P>> => new Op("epsilonGreedy", options, { relevance });

export const epsilonGreedyOp = orderingOp("epsilonGreedy", OP_PARAMS.epsilonGreedy, ({ per, minPropensity }) =>
  per === "list" && minPropensity !== undefined
    ? messages.graphParameter({
        operator: "epsilonGreedy",
        problem: '`minPropensity` is for each position, and `per: "list"` decides once for the list.',
        way: 'Leave one of the two out: with `per: "list"`, each candidate is first with at least `epsilon` over their number.',
      })
    : undefined,
);

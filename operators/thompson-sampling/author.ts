/** Orders candidates by draws from the distributions of their scores. */

import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { needOne, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import {
  type ColumnsOfNode,
  floatScore,
  inferOrdering,
  type OrderingRule,
  propensityColumns,
  type WithPropensity,
} from "../shared/author/ordering.js";

/**
 * Thompson sampling: draws a normal number for each candidate and takes the `topk` largest per user. Its mean and its variance are columns
 * that a model made. A candidate of which little is known is explored, and one that is known to be bad is not. Answers `ordered_ids` and
 * the means as `ordered_scores`. A draw depends on the seed, on the step and on the user's own candidates. A mean that is not finite, and a
 * variance that is not a number from 0, are errors that name the candidate.
 *
 * With `propensity` the result has the columns `propensity` and `list_propensity`, as [`softmaxSampling`](#softmaxsampling) has them. They are
 * computed for `topk: 1` alone: the probability that this draw is the largest, by numerical integration to about 1e-12. Longer lists have no
 * propensities, and an exposure log has null for them. For lists use [`epsilonGreedy`](#epsilongreedy) or `softmaxSampling`.
 * @param mean one column of scores, one per candidate
 * @param variance one column of the same candidates: variances of their scores
 * @param options.topk how many; fewer where there are fewer candidates @default 10
 * @param options.scale multiplies standard deviations: larger explores more, 0 orders by mean @default 1
 * @param options.seed makes every answer repeatable; a request may bring its own as parameter `seed`
 * @param options.propensity adds `propensity` and `list_propensity`, with `topk: 1` @default false
 * @example pairs["item_id"] >> thompsonSampling(ranking["mean"], ranking["variance"], { topk: 1, propensity: true })
 */
export const thompsonSampling = <N extends AnyNode, const P extends boolean = false>(
  mean: N,
  variance: AnyNode,
  options: WithPropensity<OpParamsInput["thompsonSampling"], P> = {},
): Op<OrderingRule<"thompsonSampling", ColumnsOfNode<N>, P>> =>
  new Op("thompsonSampling", options, { relevance: mean, variance });

export const thompsonSamplingOp = defineOp({
  kind: "thompsonSampling",
  params: OP_PARAMS.thompsonSampling,
  infer: call => {
    const found = inferOrdering(call, "thompsonSampling");
    const variance = needOne(call, call.dependency("variance"), "The variance of `thompsonSampling`", "…", {
      dependency: "variance",
    });
    if (!found || !variance) return undefined;
    if (!floatScore(call, variance, "thompsonSampling", { dependency: "variance" })) return undefined;
    if (!sameRows(call, [found.ids, variance], "`thompsonSampling`", found.ids.column.name)) return undefined;
    const { topk, propensity } = call.params;
    if (propensity && topk > 1)
      return call.refuse(
        `\`propensity\` is computed for one position, and \`topk\` is ${topk}.`,
        "Write `topk: 1`, or draw lists with `epsilonGreedy` or `softmaxSampling`, whose probabilities are exact.",
      );
    return {
      params: call.params,
      inputs: { input: [found.ids], relevance: [found.scores], variance: [variance] },
      outputs: [...found.outputs, ...(propensity ? propensityColumns(call.id) : [])],
      madeRows: { parent: found.parent },
    };
  },
});

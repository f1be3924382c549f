/** Orders candidates by their scores, with caps and quotas per value of an attribute. */

import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { needOne, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { type ColumnsOfNode, inferOrdering, type OrderingRule } from "../shared/author/ordering.js";

/**
 * Takes the `topk` best candidates per user, with at most `max` of one group, and with places kept for the groups that `atLeast` names.
 * Candidates whose group is null have no cap. If caps or kept places leave fewer than `topk`, the output is shorter. Places for which a
 * group has no candidates are given to the others. A score that is missing or NaN is an error that names the candidate; infinite scores are
 * first or last. Answers `ordered_ids` and `ordered_scores`, best first.
 * @param relevance one column of scores, one per candidate
 * @param group one column of the same candidates: what belongs together, such as a brand
 * @param options.topk how many in all @default 10
 * @param options.max most candidates of one group
 * @param options.atLeast group → how many places are kept for it, where it has as many candidates: `{ new: 2 }`
 * @example pairs["item_id"] >> limitPerGroup(ranking["score"], pairs["brand"], { topk: 10, max: 2, atLeast: { acme: 1 } })
 */
export const limitPerGroup = <N extends AnyNode>(
  relevance: N,
  group: AnyNode,
  options: OpParamsInput["limitPerGroup"] = {},
): Op<OrderingRule<"limitPerGroup", ColumnsOfNode<N>>> => new Op("limitPerGroup", options, { relevance, group });

export const limitPerGroupOp = defineOp({
  kind: "limitPerGroup",
  params: OP_PARAMS.limitPerGroup,
  infer: call => {
    const found = inferOrdering(call, "limitPerGroup");
    const group = needOne(call, call.dependency("group"), "The group of `limitPerGroup`", "…", { dependency: "group" });
    if (!found || !group) return undefined;
    if (group.column.list)
      return call.refuseType(
        group.column,
        "one group per candidate",
        "Pick one value of the list with `lambdaOp(x => x[0])`.",
        { dependency: "group" },
      );
    if (!sameRows(call, [found.ids, group], "`limitPerGroup`", found.ids.column.name)) return undefined;
    const { topk, max, atLeast } = call.params;
    const strange = Object.keys(atLeast).find(text => !isValue(text, group.column.dtype));
    if (strange !== undefined || (max === undefined && Object.keys(atLeast).length === 0))
      return call.refuse(
        strange === undefined
          ? "it limits nothing."
          : `\`atLeast\` keeps places for ${JSON.stringify(strange)}, which no ${group.column.dtype} of \`${group.column.name}\` is.`,
        strange === undefined
          ? "Say how many of a group: `max: 2`, or `atLeast: { new: 1 }`; `topK` takes the best without."
          : `Write names of groups as in the column${group.column.dtype === "bool" ? ": `true` or `false`" : ""}.`,
      );
    const kept = Object.values(atLeast).reduce((sum, n) => sum + n, 0);
    const over = max === undefined ? undefined : Object.entries(atLeast).find(([, n]) => n > max);
    if (kept > topk || over)
      return call.refuse(
        over
          ? `\`atLeast\` keeps ${over[1]} places for ${JSON.stringify(over[0])}, and \`max\` allows ${max}.`
          : `\`atLeast\` keeps ${kept} places, and \`topk\` has ${topk}.`,
        "Keep fewer places, or allow more.",
      );
    return {
      params: call.params,
      inputs: { input: [found.ids], relevance: [found.scores], group: [group] },
      outputs: found.outputs,
      madeRows: { parent: found.parent },
    };
  },
});

/** Whether a column can hold what the text says. */
function isValue(text: string, dtype: DType): boolean {
  const { kind } = datatype(dtype);
  if (kind === "string") return true;
  if (kind === "bool") return text === "true" || text === "false";
  return kind === "float" ? `${Number(text)}` === text : /^(0|-?[1-9]\d*)$/.test(text);
}

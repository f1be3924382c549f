/** Compares another branch's columns with the response's, after the response. */
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { Lacking } from "../../compiler/dsl/wanted.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { printType } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Bound } from "../shared/author/bound.js";
import { need } from "../shared/author/columns.js";
import { type Call, defineOp } from "../shared/author/define-op.js";
import type { ColumnsOfNode } from "../shared/author/ordering.js";
import { otherBranch } from "../shared/author/twins.js";

interface ShadowRule<F extends string> extends Rule {
  readonly fault: string extends F ? never : Lacking<"the shadow", this["S"], F>;
  readonly out: this["S"];
}

/**
 * Returns the columns of the left branch, and compares those of `other` with them after the response. The steps that only `other` needs run
 * when the response is made, on the same request and seed. They read the columns of the steps that both branches have. Their faults and
 * their time are counted, and never change a response. Metrics have the share of lists that differ, the overlap of the first `topk` items,
 * and differences of scores.
 *
 * A request is skipped, and counted, if `inFlight` comparisons run, the server's memory is used up, or its event loop is late. A build for a
 * stock Triton leaves the other branch out.
 * @param other a node with columns of the same names and types, for the same rows of the request
 * @param options.rate share of requests @default 1
 * @param options.inFlight comparisons that run at the same time in a process @default 4
 * @param options.within milliseconds of a comparison, after which it is cancelled @default 1000
 * @param options.topk items of a list that are compared @default 10
 * @param options.item column that identifies items @default the first column of integers or strings
 * @param options.score column whose values are compared for items of both lists @default the first column of floats
 * @example ordering >> shadow(candidate, { rate: 0.1 })
 */
export const shadow = <N extends AnyNode>(
  other: N,
  options: OpParamsInput["shadow"] = {},
): Op<ShadowRule<ColumnsOfNode<N>>> => new Op("shadow", options, { shadow: other });

export const shadowOp = defineOp({
  kind: "shadow",
  params: OP_PARAMS.shadow,
  infer: call => {
    const { input, params } = call;
    const way = "Compare candidates with candidates of the same rows, and request rows with request rows.";
    const others = otherBranch(call, "shadow", way)?.columns;
    if (!others) return undefined;
    const item = compared(call, params.item, isItem);
    const score = compared(call, params.score, isScore);
    if (item === FAULT || score === FAULT) return undefined;
    if (!item && !score)
      return call.refuse(
        "no column can be compared: it compares ids (integers or strings) and scores (floats), one per row.",
        "Put it behind a step that makes candidates or scores; `explode` makes candidates of a list.",
        "left",
      );
    return {
      params: { ...params, ...(item && { item }), ...(score && { score }) },
      inputs: { input, shadow: others },
      outputs: input.map(({ column }) => column),
    };
  },
});

const FAULT = Symbol("fault");

const isItem = ({ column: { dtype, list } }: Bound): boolean =>
  !list && ["int", "uint", "string"].includes(datatype(dtype).kind);
const isScore = ({ column: { dtype, list } }: Bound): boolean => !list && (dtype === "float32" || dtype === "float64");

/** The column that the author names, or the first that fits. */
function compared(
  call: Call<unknown>,
  name: string | undefined,
  fits: (bound: Bound) => boolean,
): string | undefined | typeof FAULT {
  if (name === undefined) return call.input.find(fits)?.column.name;
  const found = need(call, call.input, name, "`shadow`", "Name a column of the left side.", { literal: name });
  if (!found) return FAULT;
  if (fits(found)) return name;
  call.refuse(
    fits === isItem
      ? `the item \`${name}\` is ${printType(found.column)}, and integers or strings identify items, one per row.`
      : `the score \`${name}\` is ${printType(found.column)}, and scores are float32 or float64, one per row.`,
    "Name another column, or leave the option out.",
    { literal: name },
  );
  return FAULT;
}

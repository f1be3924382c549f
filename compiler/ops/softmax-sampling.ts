/** Orders candidates by sampling without replacement from the softmax of their scores. */
import { datatype } from "../../triton-protos/datatype.js";
import { OP_PARAMS, type OpParamsInput } from "../../triton-protos/op-params.js";
import { printType } from "../../triton-protos/schema.js";
import * as messages from "../diagnostics/messages.js";
import type { ColumnType } from "../dsl/column.js";
import { type AnyNode, type Node, Op } from "../dsl/node.js";
import type { Rule } from "../dsl/rule.js";
import type { NotOne } from "../dsl/wanted.js";
import { describeRows, needOne, sameRows } from "./columns.js";
import { defineOp } from "./define-op.js";

type DTypeOf<C> = C extends `${infer T extends ColumnType} ${string}` ? T : never;
interface SamplingRule<Scores extends string> extends Rule {
  readonly fault: NotOne<"softmaxSampling", this["S"]>;
  readonly out: string extends this["S"]
    ? string
    : `${DTypeOf<this["S"]>} ordered_ids` | `${string extends Scores ? "float32" : DTypeOf<Scores>} ordered_scores`;
}

/**
 * Takes `topk` candidates per user, drawn without replacement with weight exp(temperature · score); answers `ordered_ids` and their
 * original `ordered_scores`.
 * @param relevance one column of scores, one per candidate
 * @param options.temperature multiplies the scores, as in Merlin: larger is greedier @default 20
 * @param options.mode `"greedy"` takes the best scores, without chance
 * @param options.seed makes every answer repeatable; a request may bring its own as parameter `seed`
 * @example pairs["item_id"] >> softmaxSampling(ranking["score"], { topk: 10 })
 */
export const softmaxSampling = <N extends AnyNode>(
  relevance: N,
  options: OpParamsInput["softmaxSampling"] = {},
): Op<SamplingRule<N extends Node<infer S> ? S : string>> => new Op("softmaxSampling", options, { relevance });

export const softmaxSamplingOp = defineOp({
  kind: "softmaxSampling",
  params: OP_PARAMS.softmaxSampling,
  facts: { elementwise: false, inWorkflow: false, prunable: false },
  infer: call => {
    const ids = needOne(call, call.input, "`softmaxSampling`", "softmaxSampling(...)");
    const scores = needOne(call, call.dependency("relevance"), "The relevance of `softmaxSampling`", "…", {
      dependency: "relevance",
    });
    if (!ids || !scores) return undefined;
    const parent = call.parentRows(ids.column.rows);
    if (parent === undefined || ids.column.list)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "softmaxSampling",
          wanted: "candidates of a user",
          column: ids.column.name,
          seen: `one ${printType(ids.column)} per ${describeRows(ids.column.rows)}`,
          way: "Retrieve candidates first, as `>> queryFaiss(...)` does.",
        }),
        "left",
      );
    if (datatype(scores.column.dtype).kind !== "float" || scores.column.list)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "softmaxSampling",
          wanted: "one float score per candidate",
          column: scores.column.name,
          seen: printType(scores.column),
          way: "Give it the output of a ranking model.",
        }),
        { dependency: "relevance" },
      );
    if (!sameRows(call, [ids, scores], "`softmaxSampling`", ids.column.name)) return undefined;
    return {
      params: call.params,
      inputs: { input: [ids], relevance: [scores] },
      outputs: [
        { ...ids.column, name: "ordered_ids", rows: call.id },
        { ...scores.column, name: "ordered_scores", rows: call.id, tags: [], properties: {} },
      ],
      madeRows: { parent },
    };
  },
});

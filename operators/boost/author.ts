/** Raises or lowers the score of the candidates that a condition holds for. */
import { z } from "zod";
import type { IsUnknown, NameOf } from "../../compiler/dsl/column.js";
import { type ColumnFunction, lambdaReference } from "../../compiler/dsl/lambda.js";
import { Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import { lambdaSchema } from "../lambda-op/author.js";
import { need, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { floatScore } from "../shared/author/ordering.js";
import { rowCondition } from "../shared/author/row-condition.js";

export interface BoostOptions<N extends string = string> {
  /** Column of scores that is changed. */
  readonly score: N;
  /** Factor for the score. @default 1 */
  readonly multiply?: number;
  /** Added after the factor. @default 0 */
  readonly add?: number;
}

interface BoostRule<N extends string> extends Rule {
  readonly fault: IsUnknown<this["S"]> extends true
    ? never
    : N extends NameOf<this["S"]>
      ? never
      : `nothing upstream provides the score "${N}" that boost changes`;
  readonly out: this["S"];
}

/**
 * Makes the score of each row for which the condition holds `score · multiply + add`; other rows, and those for which it is missing, keep theirs. All
 * columns stay, so that boosts can follow each other. A factor above 1 raises only scores above 0: add to logits.
 * @param condition of the columns of a row, read as `filter`'s is
 * @param options.score column of scores that is changed
 * @param options.multiply factor for the score @default 1
 * @param options.add added after the factor @default 0
 * @example (items + ranking) >> boost(item => item.margin > 0.4, { score: "score", multiply: 1.2 })
 */
export const boost = <const N extends string>(condition: ColumnFunction, options: BoostOptions<N>): Op<BoostRule<N>> =>
  new Op("boost", { lambda: lambdaReference(condition), ...options });

export const boostOp = defineOp({
  kind: "boost",
  params: z.strictObject({
    lambda: lambdaSchema,
    score: z.string().min(1),
    multiply: z.number().default(1),
    add: z.number().default(0),
  }),
  infer: call => {
    const { score, multiply, add } = call.params;
    const lambda = call.readFunction(call.params.lambda, "boost");
    if (!lambda) return undefined;
    const { input } = call;
    const changed = need(call, input, score, "`boost`", "Name a score that upstream provides.", { literal: score });
    if (!changed || !floatScore(call, changed, "boost", "left")) return undefined;
    if (!sameRows(call, input, "`boost`")) return undefined;
    if (multiply === 1 && add === 0)
      return call.refuse(
        "it changes nothing.",
        'Say by how much: `boost(…, { score: "score", multiply: 1.2 })`, or `add: 0.1`.',
      );
    const condition = rowCondition(call, lambda);
    if (!condition) return undefined;
    return {
      params: { text: lambda.source, condition, score, multiply, add },
      inputs: { input },
      outputs: input.map(bound => bound.column),
    };
  },
});

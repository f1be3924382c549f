/** Several scores of a candidate → one. */

import type { IsUnknown, NameOf } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { column } from "../../contract/schema.js";
import type { Bound } from "../shared/author/bound.js";
import { need, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { largerIsBetter } from "../shared/author/id-spaces.js";
import { candidateRows, floatScore } from "../shared/author/ordering.js";

type Missing<W extends string, S extends string> =
  IsUnknown<S> extends true
    ? never
    : W extends NameOf<S>
      ? never
      : `nothing upstream provides the score "${W}" that mixScores weighs`;

interface MixRule<W extends string, O> extends Rule {
  readonly fault: Missing<W, this["S"]>;
  readonly out: O extends { readonly name: infer N extends string } ? `float32 ${N}` : "float32 mixed_score";
}

/**
 * Weighs scores into one, per candidate: Σ weight · scaled score. Every scale is relative to the candidates of one user, so that scores of
 * different models can be compared. `"minMax"` maps them to 0 … 1, `"standard"` to mean 0 and deviation 1, `"rank"` to ranks from 1 (best)
 * to 0 (last), `"none"` leaves them. Equal scores scale to 0 (`"rank"`: they share the better place). A missing score is an error, and so
 * is an infinite one under `"minMax"` and `"standard"`.
 * @param options.weights score column → its weight
 * @param options.scale `"minMax"`, `"standard"`, `"rank"` or `"none"` @default "none"
 * @param options.name name of the column it makes @default "mixed_score"
 * @example (ranking + popularity) >> mixScores({ weights: { score: 0.8, popularity: 0.2 }, scale: "minMax" })
 */
export const mixScores = <const O extends OpParamsInput["mixScores"]>(
  options: O,
): Op<MixRule<keyof O["weights"] & string, O>> => new Op("mixScores", options);

export const mixScoresOp = defineOp({
  kind: "mixScores",
  params: OP_PARAMS.mixScores,
  infer: call => {
    const names = Object.keys(call.params.weights);
    const found = names.map(name =>
      need(call, call.input, name, "`mixScores`", "Weigh a score that upstream provides.", { literal: name }),
    );
    if (found.includes(undefined)) return undefined;
    const scores = found as Bound[];
    for (const score of scores) {
      if (!floatScore(call, score, "mixScores", "left")) return undefined;
      largerIsBetter(call, score, "mixScores", "left");
    }
    if (!sameRows(call, scores, "`mixScores`")) return undefined;
    if (candidateRows(call, scores[0]!, "mixScores") === undefined) return undefined;
    return {
      params: call.params,
      inputs: { input: scores },
      outputs: [column(call.params.name, "float32", { rows: scores[0]!.column.rows })],
    };
  },
});

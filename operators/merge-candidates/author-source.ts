/** The columns of a source of `mergeCandidates` → its ids and its score. */
import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Bound, Scope } from "../shared/author/bound.js";
import { need, needOne, sameRows } from "../shared/author/columns.js";
import type { Blame, Call } from "../shared/author/define-op.js";
import { floatScore } from "../shared/author/ordering.js";
import type { MergeParams } from "./author-options.js";

export interface ScoredIds {
  readonly ids: Bound;
  readonly score?: Bound;
}

/** Finds them, and reports what is missing or left over. */
export function scoredIds(
  call: Call<unknown>,
  scope: Scope,
  { scores, method }: MergeParams,
  source: string,
  reader: string,
  blame: Blame,
): ScoredIds | undefined {
  const wanted =
    typeof scores === "string" ? scores : scores && Object.hasOwn(scores, source) ? scores[source] : undefined;
  const named = wanted !== undefined && (scope.length > 1 || typeof scores === "object");
  if (named && !need(call, scope, wanted, reader, "Name the column of this source's scores in `scores`.", blame))
    return undefined;
  const score = scope.length === 1 && !named ? undefined : scope.find(bound => isScore(bound, wanted));
  const rest = scope.filter(bound => bound !== score);
  // Beside a chosen score, a column that is tagged as the id is enough.
  const tagged = named ? rest.filter(({ column }) => column.tags.includes("id")) : [];
  const ids = tagged.length === 1 ? tagged[0] : needOne(call, rest, reader, "mergeCandidates(...)", blame);
  if (!ids) return undefined;
  if (!score) {
    if (method === "roundRobin" || method === "rrf") return { ids };
    return call.fail(
      messages.graphParameter({
        operator: "mergeCandidates",
        problem: `the method "${method}" needs a score of each source, and \`${source}\` has ${listNames(scope.map(({ column }) => column.name))}.`,
        way: 'Give it a float column beside the ids, or choose `method: "rrf"`, which needs none.',
      }),
      blame,
    );
  }
  if (!floatScore(call, score, "mergeCandidates", blame) || !sameRows(call, [ids, score], reader)) return undefined;
  return { ids, score };
}

const isScore = ({ column }: Bound, wanted: string | undefined): boolean =>
  wanted === undefined ? !column.list && datatype(column.dtype).kind === "float" : column.name === wanted;

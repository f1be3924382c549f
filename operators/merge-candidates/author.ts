/** Candidates of several sources → those of all, each once. */
import type { z } from "zod";
import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import { isNode, Op } from "../../compiler/dsl/node.js";
import { idSpaces, spacesOf } from "../../contract/id-space.js";
import { type ColumnSchema, column, printType } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Bound, Scope } from "../shared/author/bound.js";
import { describeRows, need, needOne, sameRows } from "../shared/author/columns.js";
import { type Blame, type Call, defineOp, type Inferred } from "../shared/author/define-op.js";
import { largerIsBetter, meetsIds } from "../shared/author/id-spaces.js";
import { candidateRows, floatScore } from "../shared/author/ordering.js";
import {
  type MergeParams,
  type MergeRule,
  mergeOptions,
  type Operand,
  type Options,
  optionsFault,
  planSources,
} from "./author-options.js";
import { OTHER_SOURCES, SOURCE_PORTS, type Source } from "./spec.js";

/**
 * Unites the candidates of several sources, per user, each once. A source is one column of ids, or ids with one float score (larger is
 * better). Its order is its ranking. Null ids are left out.
 *
 * `"roundRobin"` takes the first of each source, then the second of each, until all are taken. `"rrf"` is reciprocal rank fusion: the sum of
 * weight / (k + rank) (Cormack, Clarke and Büttcher, 2009). `"weighted"` is the sum of weight · score, after `normalize` has scaled a source's
 * scores for each user. `"max"` is the best of the scaled scores.
 *
 * Candidates with equal scores keep the order of `"roundRobin"`. A score that is NaN or infinite counts as none; a candidate without any
 * is last. A candidate counts for one source in `quotas` and `floors`: the one that ranks it best, and the first of equals.
 *
 * Sources are named by `names`; without it `source1` (the left one), `source2`, …
 *
 * With `keepSource` the result has further columns. `source` (int32) has bit i for the i-th source. `scores` (float32) is left out for
 * `"roundRobin"`. Each source adds `NAME_rank` (int32 from 1, 0 if it did not find the candidate). A source with scores adds `NAME_score`
 * (float32, NaN for none).
 * @param sources one to seven further sources, one by one or as a list, and then options
 * @param options.name name of the column of ids @default "candidate_ids"
 * @param options.method order of the candidates @default "roundRobin"
 * @param options.topk most candidates of a user; without it all
 * @param options.names names of the sources, the left one first
 * @param options.scores name of the score column, or one by source name; without it the only float column
 * @param options.weights of `"rrf"` and `"weighted"`, by source name @default 1
 * @param options.k of `"rrf"` @default 60
 * @param options.normalize of `"weighted"` and `"max"`: `"minMax"` (0 … 1), `"z"` (mean 0, deviation 1) or `"none"` @default "minMax"
 * @param options.quotas most candidates of a source, by name
 * @param options.floors fewest candidates of a source, by name, if it has as many; needs `topk`
 * @param options.keepSource adds the columns that say which source found a candidate @default false
 * @param options.within milliseconds from the start of the run, of all sources or by name. A source that fails or takes longer is left out,
 * as in `fallback`; sources without a time are waited for. If all are left out, the request fails.
 * @example retrieval["candidate_ids"] >> mergeCandidates(user["popular_ids"] >> explode(), { topk: 100 })
 * @example near >> mergeCandidates(bought, popular, { method: "rrf", names: ["near", "bought", "popular"], quotas: { popular: 20 }, topk: 100, within: 20 })
 */
export const mergeCandidates = <const A extends readonly (Operand | Options)[]>(...sources: A): Op<MergeRule<A>> => {
  const given: readonly unknown[] = sources;
  const last = given.at(-1);
  const hasOptions =
    given.length > 1 && typeof last === "object" && last !== null && !isNode(last) && !Array.isArray(last);
  const others = (hasOptions ? given.slice(0, -1) : given).flat();
  const dependencies = Object.fromEntries(
    OTHER_SOURCES.flatMap((port, i) => (i < others.length ? [[port, others[i]]] : [])),
  );
  return new Op("mergeCandidates", { ...(hasOptions ? last : {}), sources: others.length }, dependencies);
};

export const mergeCandidatesOp = defineOp({
  kind: "mergeCandidates",
  positional: ["sources"],
  params: mergeOptions,
  infer: call => {
    const { params } = call;
    const fault = optionsFault(params);
    if (fault) return call.fail(messages.graphParameter({ operator: "mergeCandidates", ...fault }), "right");
    const sources = planSources(params);
    const found: ScoredIds[] = [];
    for (const [i, source] of sources.entries()) {
      const one = i === 0 ? firstSource(call, params, source) : otherSource(call, params, sources, i, found[0]!);
      if (!one) return undefined;
      found.push(one);
    }
    const ids = found[0]!.ids;
    const outputs = outputsOf(call, params, sources, found);
    const twice = outputs.find(({ name }, i) => outputs.findIndex(one => one.name === name) < i);
    if (twice)
      return call.refuse(
        `it makes two columns \`${twice.name}\`.`,
        "Choose another `name`, or other `names` of sources.",
        "right",
      );
    return inferred(params, sources, found, outputs, call.parentRows(ids.column.rows)!);
  },
});

type Params = z.output<typeof mergeOptions>;

function inferred(
  { name, method, topk, k, normalize, keepSource }: Params,
  sources: readonly Source[],
  found: readonly ScoredIds[],
  outputs: readonly ColumnSchema[],
  parent: string,
): Inferred<"mergeCandidates"> {
  const [first, ...others] = found.map(({ ids, score }): readonly Bound[] => (score ? [ids, score] : [ids]));
  return {
    params: { name, method, ...(topk !== undefined && { topk }), k, normalize, keepSource, sources: [...sources] },
    inputs: { input: first!, ...Object.fromEntries(others.map((bound, i) => [OTHER_SOURCES[i]!, bound])) },
    outputs,
    madeRows: { parent },
  };
}

function firstSource(call: Call<Params>, params: Params, { name }: Source): ScoredIds | undefined {
  const found = scoredIds(call, call.input, params, name, "`mergeCandidates`", "left");
  return found && candidateRows(call, found.ids, "mergeCandidates") !== undefined ? found : undefined;
}

/** The candidates at a port; reports those of other rows or of another type. */
function otherSource(
  call: Call<Params>,
  params: Params,
  sources: readonly Source[],
  i: number,
  first: ScoredIds,
): ScoredIds | undefined {
  const port = SOURCE_PORTS[i]!;
  const blame = { dependency: port };
  const found = scoredIds(
    call,
    call.dependency(port),
    params,
    sources[i]!.name,
    "A source of `mergeCandidates`",
    blame,
  );
  if (!found) return undefined;
  const parent = call.parentRows(first.ids.column.rows)!;
  const { column: ids } = found.ids;
  if (ids.list || call.parentRows(ids.rows) !== parent)
    return call.refuse(
      `\`${ids.name}\` has one ${printType(ids)} per ${describeRows(ids.rows)}, and the left side candidates of each ${describeRows(parent)}.`,
      'Give it candidates: `>> queryFaiss(...)`, or lists of the request as `user["popular_ids"] >> explode()`.',
      blame,
    );
  if (printType(ids) !== printType(first.ids.column))
    return call.fail(
      messages.schemaDtypeMismatch({
        reader: "`mergeCandidates`",
        column: ids.name,
        wanted: printType(first.ids.column),
        seen: printType(ids),
        way: "Give it ids of one type.",
      }),
      blame,
    );
  const others = { name: `\`${first.ids.column.name}\``, spaces: spacesOf(first.ids.column) };
  meetsIds(call, found.ids, others, blame);
  return found;
}

function outputsOf(
  call: Call<Params>,
  { name, keepSource, method }: Params,
  sources: readonly Source[],
  found: readonly ScoredIds[],
): readonly ColumnSchema[] {
  const rows = call.id;
  const { column: ids } = found[0]!.ids;
  const properties = idSpaces(found.flatMap(one => spacesOf(one.ids.column)));
  const merged = { ...ids, name, rows, tags: [...new Set([...ids.tags, "id"])], properties };
  if (!keepSource) return [merged];
  return [
    merged,
    column("source", "int32", { rows }),
    ...(method === "roundRobin" ? [] : [column("scores", "float32", { rows })]),
    ...sources.flatMap((source, i) => [
      column(`${source.name}_rank`, "int32", { rows }),
      ...(found[i]!.score ? [column(`${source.name}_score`, "float32", { rows })] : []),
    ]),
  ];
}

interface ScoredIds {
  readonly ids: Bound;
  readonly score?: Bound;
}

/** Finds the ids and the score among the columns of a source, and reports what is missing or left over. */
function scoredIds(
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
    return call.refuse(
      `the method "${method}" needs a score of each source, and \`${source}\` has ${listNames(scope.map(({ column }) => column.name))}.`,
      'Give it a float column beside the ids, or choose `method: "rrf"`, which needs none.',
      blame,
    );
  }
  if (!floatScore(call, score, "mergeCandidates", blame) || !sameRows(call, [ids, score], reader)) return undefined;
  if (method === "weighted" || method === "max") largerIsBetter(call, score, "mergeCandidates", blame);
  return { ids, score };
}

const isScore = ({ column }: Bound, wanted: string | undefined): boolean =>
  wanted === undefined ? !column.list && datatype(column.dtype).kind === "float" : column.name === wanted;

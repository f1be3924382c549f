/** Nearest items of a query vector: one group of candidates per row. */
import { join } from "node:path";
import type { IndexFile } from "../../compiler/3-graph/artefacts.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { ArtefactOf, PathOf } from "../../compiler/dsl/artefacts.js";
import type { IsUnknown } from "../../compiler/dsl/column.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne, Settled } from "../../compiler/dsl/wanted.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { column, printType } from "../../contract/schema.js";
import { SIMILARITY } from "../../contract/similarity.js";
import { searchFault } from "../../formats/faiss/faiss.js";
import { someIds, spread } from "../../formats/faiss/some-ids.js";
import { readTextIds, textIdsFile } from "../../formats/faiss/text-ids.js";
import { needOne } from "../shared/author/columns.js";
import { type Candidates, defineOp } from "../shared/author/define-op.js";
import { excludedIds } from "../shared/author/excluded-ids.js";

/** A sentence unless S is one vector of the index's width. */
type NotVector<P extends string, V extends string, S extends string> = [NotOne<"queryFaiss", S>] extends [never]
  ? IsUnknown<S> extends true
    ? never
    : Settled<V, S> extends `${V} ${string}`
      ? never
      : `${P} holds ${V} vectors, but "${S}" is not one`
  : NotOne<"queryFaiss", S>;

/** Ids of the index: int64, or texts if its entry says so. */
type IdsOf<P extends string> = [ArtefactOf<P, "faiss">] extends [never]
  ? "int64"
  : ArtefactOf<P, "faiss"> extends { readonly ids: "string" }
    ? "string"
    : "int64";

interface FaissRule<P extends string, V extends string, D extends boolean> extends Rule {
  readonly fault: NotVector<P, V, this["S"]>;
  readonly out: D extends true
    ? `${IdsOf<P>} candidate_ids` | "float32 candidate_distances"
    : `${IdsOf<P>} candidate_ids`;
}

/**
 * The `topk` nearest items of each query vector, best first. A row gets fewer when the index finds fewer. Reads files of FAISS 1.7 to 1.15
 * with inner products and L2: Flat, PQ and SQ, alone or in IVF and HNSW. IDMap, transforms (OPQ, PCA, L2norm, rotations) and refinements
 * (RFlat, Refine(…)) may wrap them. Other kinds are refused by name when they are loaded. Ids are exact as int64, below zero and beyond
 * 2^53 too. An index that was built with `merlon index build --text-id` has its id map beside it (`items.faiss.ids.arrow`), and answers
 * texts.
 * @param path FAISS file, relative to this file
 * @param options.topk how many; fewer where the index finds fewer @default 10
 * @param options.includeDistances adds `candidate_distances`: inner product, or squared L2
 * @param options.exclude ids to exclude, one or a list of them per query (texts, if the index has texts). If possible, `topk` others are
 * found
 * @param options.nprobe of an IVF index: lists that a search visits; by default what the file says
 * @param options.efSearch of an HNSW index: candidates that a search keeps; by default what the file says
 * @param options.normalize brings queries to length 1: with an index of such vectors (`merlon index build --metric cosine`) distances are cosines
 * @example query >> queryFaiss("index/items.faiss", { topk: 100, exclude: user["purchased_ids"] })
 */
export function queryFaiss<
  const P extends PathOf<"faiss">,
  const O extends {
    readonly topk?: number;
    readonly includeDistances?: boolean;
    readonly exclude?: AnyNode;
    readonly nprobe?: number;
    readonly efSearch?: number;
    readonly normalize?: true;
  },
>(
  path: P,
  options?: O,
): Op<
  FaissRule<
    P,
    [ArtefactOf<P, "faiss">] extends [never] ? `float32[${number}]` : ArtefactOf<P, "faiss">["vector"],
    O["includeDistances"] extends true ? true : false
  >
> {
  const { exclude, ...parameters } = options ?? ({} as O);
  return new Op("queryFaiss", { path, ...parameters }, exclude && { exclude });
}

const METRICS = { ip: "inner products", l2: "Euclidean distances" } as const;

/** @param path as the author wrote it @param file where it is */
const candidatesOf = (path: string, file: string, { hasTextIds, ids, ntotal }: IndexFile): Candidates => ({
  path,
  arePositions: ids === "positions" && !hasTextIds,
  some(most) {
    if (!hasTextIds) return someIds(file, most);
    const texts = readTextIds(textIdsFile(file), { index: file, ntotal, isKnown: true });
    return spread(ntotal, most).map(texts.at);
  },
});

export const queryFaissOp = defineOp({
  kind: "queryFaiss",
  positional: ["path"],
  nodeOptions: ["exclude"],
  params: OP_PARAMS.queryFaiss,
  infer: call => {
    const { path, includeDistances } = call.params;
    const read = call.artefacts.faiss(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    if (read.value.ntotal === 0) return call.fail(messages.faissEmpty({ path }), { literal: path });
    const query = needOne(call, call.input, `\`queryFaiss("${path}")\``, `queryFaiss("${path}")`);
    if (!query) return undefined;
    const { name, dtype, list, rows } = query.column;
    const dimension = list && list.min === list.max ? list.min : undefined;
    if (dtype !== "float32" || dimension === undefined)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "queryFaiss",
          wanted: "float32 vectors of fixed length",
          column: name,
          seen: printType(query.column),
          way: "Give it the output of a query tower.",
        }),
        "left",
      );
    if (dimension !== read.value.dimension)
      return call.fail(
        messages.faissDimensionMismatch({ path, wanted: read.value.dimension, column: name, seen: dimension }),
        { literal: path },
      );
    const { nprobe, efSearch, normalize } = call.params;
    const fault = searchFault(read.value, { nprobe, efSearch });
    if (fault) return call.fail(messages.faissParameter({ path, fault }), "right");
    if (normalize && read.value.metric === "l2")
      return call.fail(
        messages.faissParameter({ path, fault: "compares by L2, and `normalize` makes cosines of inner products" }),
        "right",
      );
    const trained = query.column.properties[SIMILARITY];
    // Cosines and distances of vectors of one length give the same order, and so do these and inner products.
    if ((trained === "l2" || trained === "ip") && trained !== read.value.metric)
      call.warn(
        messages.faissOtherMetric({
          path,
          metric: METRICS[read.value.metric],
          column: name,
          trained: METRICS[trained],
          option: trained,
        }),
        { literal: path },
      );
    const ids = read.value.hasTextIds ? "string" : "int64";
    const exclude = call.dependency("exclude").length > 0 ? excludedIds(call, query, "queryFaiss", ids) : null;
    if (exclude === undefined) return undefined;
    const made = { rows: call.id };
    const to = join("indexes", call.artefactName(path, read.path));
    return {
      params: call.params,
      inputs: { input: [query], ...(exclude && { exclude: [exclude] }) },
      outputs: [
        column("candidate_ids", ids, { ...made, tags: ["id"] }),
        ...(includeDistances ? [column("candidate_distances", "float32", made)] : []),
      ],
      madeRows: { parent: rows },
      candidates: candidatesOf(path, read.path, read.value),
      artefacts: { index: to, ...(ids === "string" && { ids: textIdsFile(to) }) },
      files: [
        { from: read.path, to },
        ...(ids === "string" ? [{ from: textIdsFile(read.path), to: textIdsFile(to) }] : []),
      ],
    };
  },
});

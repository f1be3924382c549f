/** Nearest items of a query vector: one group of candidates per row. */
import { basename, join } from "node:path";
import { z } from "zod";
import type { IndexFile } from "../../compiler/3-graph/artefacts.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { ArtefactOf, PathOf } from "../../compiler/dsl/artefacts.js";
import type { IsUnknown } from "../../compiler/dsl/column.js";
import { type ColumnValue, type LambdaReference, lambdaReference } from "../../compiler/dsl/lambda.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne, Settled } from "../../compiler/dsl/wanted.js";
import { deltaFile } from "../../contract/files/delta-path.js";
import { LIVE_FOLDER } from "../../contract/files/live-folder.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { SIMILARITY, TOWER } from "../../contract/similarity.js";
import { withOwnBase } from "../../formats/delta/delta-base.js";
import { recordKinds } from "../../formats/delta/record-kinds.js";
import { searchFault } from "../../formats/faiss/faiss.js";
import { likeness } from "../../formats/faiss/index-sample.js";
import { someIds, spread } from "../../formats/faiss/some-ids.js";
import { readTextIds, textIdsFile } from "../../formats/faiss/text-ids.js";
import { lambdaSchema } from "../lambda-op/author.js";
import type { Bound } from "../shared/author/bound.js";
import { type ArtefactFile, type Call, type Candidates, defineOp } from "../shared/author/define-op.js";
import { excludedIds } from "../shared/author/excluded-ids.js";
import { foundColumns, type ItemWith, queryVector } from "../shared/author/query-vector.js";
import { compileWhere } from "./author-where.js";

/** A sentence unless a column of S is a vector of the index's width. */
type NoVector<P extends string, V extends string, S extends string> =
  IsUnknown<S> extends true
    ? never
    : [Extract<Settled<V, S>, `${V} ${string}`>] extends [never]
      ? `${P} holds ${V} vectors, and no column upstream is one`
      : never;

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

/** An item as a condition sees it: the columns of its table. */
export type ItemOf<A> = [ArtefactOf<A, "attributes">] extends [never]
  ? ColumnValue
  : ItemWith<ArtefactOf<A, "attributes">["columns"]>;

/** @typeParam W whether the left node has the user's columns, too */
interface FaissRule<P extends string, V extends string, D extends boolean, W extends boolean> extends Rule {
  readonly fault: W extends true ? NoVector<P, V, this["S"]> : NotVector<P, V, this["S"]>;
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
 * @param options.attributes table of the items' attributes, Parquet or Arrow, relative to this file; it may be replaced while it is served
 * @param options.key column of the table that has the index's ids @default "item_id"
 * @param options.where condition for candidates, a function of the item's attributes and of the user, the columns of the left node beside the
 * query vector. It is read, never run, as `lambdaOp`'s is. Items without a row in the table are not found. The search itself applies it, so
 * that `topk` items are found if enough fulfill it
 * @param options.normalize brings queries to length 1: with an index of such vectors (`merlon index build --metric cosine`) distances are cosines. A query of zeros has none and finds nothing. Without `normalize` FAISS compares it: all inner products are 0
 * @example query >> queryFaiss("index/items.faiss", { topk: 100, exclude: user["purchased_ids"] })
 * @example (query + user["country"]) >> queryFaiss("index/items.faiss", { attributes: "items.parquet", where: (item, user) => item.stock > 0 && item.country === user.country })
 */
export function queryFaiss<
  const P extends PathOf<"faiss">,
  const A extends PathOf<"attributes">,
  const O extends {
    readonly topk?: number;
    readonly includeDistances?: boolean;
    readonly exclude?: AnyNode;
    readonly nprobe?: number;
    readonly efSearch?: number;
    readonly normalize?: true;
    readonly key?: string;
    readonly where?: unknown;
  },
>(
  path: P,
  options?: O & {
    readonly attributes?: A;
    readonly where?: (item: ItemOf<NoInfer<A>>, user: ColumnValue) => unknown;
    readonly $where?: LambdaReference;
  },
): Op<
  FaissRule<
    P,
    [ArtefactOf<P, "faiss">] extends [never] ? `float32[${number}]` : ArtefactOf<P, "faiss">["vector"],
    O["includeDistances"] extends true ? true : false,
    O extends { readonly where: unknown } ? true : false
  >
> {
  const { exclude, where, $where, ...parameters } = options ?? {};
  return new Op(
    "queryFaiss",
    { path, ...parameters, ...(where && { where: $where ?? lambdaReference(where) }) },
    exclude && { exclude },
  );
}

const METRICS = { ip: "inner products", l2: "Euclidean distances" } as const;

/** @param path as the author wrote it @param file where it is */
const candidatesOf = (path: string, { file, hasTextIds, ids, ntotal }: IndexFile): Candidates => ({
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
  params: OP_PARAMS.queryFaiss.omit({ where: true }).extend({
    where: lambdaSchema.optional(),
    attributes: z.string().min(1).optional(),
    key: z.string().min(1).optional(),
  }),
  infer: call => {
    const { where: _, attributes: __, key: ___, ...params } = call.params;
    const { path, includeDistances } = params;
    const read = call.artefacts.faiss(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    if (read.value.ntotal === 0) return call.fail(messages.faissEmpty({ path }), { literal: path });
    const found = queryVector(call, { operator: "queryFaiss", path });
    if (!found) return undefined;
    const { query, dimension } = found;
    const { name, rows } = query.column;
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
    if (!isOwnIndex(call, path, read.value.file, query)) return undefined;
    const ids = read.value.hasTextIds ? "string" : "int64";
    const exclude = call.dependency("exclude").length > 0 ? excludedIds(call, query, "queryFaiss", ids) : null;
    const where = compileWhere(call, query, read.value, ids);
    if (exclude === undefined || where === undefined) return undefined;
    const to = join("indexes", call.artefactName(path, read.path));
    return {
      params: { ...params, ...(where && { where: where.where }) },
      inputs: {
        input: [query],
        ...(exclude && { exclude: [exclude] }),
        ...(where && where.user.length > 0 && { user: where.user }),
      },
      outputs: foundColumns(call.id, ids, { includeDistances, metric: read.value.metric }),
      madeRows: { parent: rows },
      candidates: candidatesOf(path, read.value),
      artefacts: {
        index: to,
        ...(ids === "string" && { ids: textIdsFile(to) }),
        ...(where && { attributes: where.to }),
      },
      files: [
        { from: read.value.file, to },
        ...(ids === "string" ? [{ from: textIdsFile(read.value.file), to: textIdsFile(to) }] : []),
        ...(where ? [where.file] : []),
        ...servedDelta(read.path, read.value, to),
      ],
    };
  },
});

/** An index that is built again has the same vectors up to rounding. They drift if features of the items change. */
const LEAST_LIKENESS = 0.9;

/** Reports an index whose vectors are not those of the items that the query's tower was stamped with. */
function isOwnIndex(call: Call<unknown>, path: string, file: string, { column }: Bound): boolean {
  const tower = column.properties[TOWER];
  const read = typeof tower === "string" ? call.artefacts.onnx(tower) : undefined;
  const sample = read?.ok ? read.value.indexSample : undefined;
  const like = sample && likeness(file, sample);
  if (!like || like.cosine >= LEAST_LIKENESS) return true;
  const message = messages.faissOtherTower({
    path,
    tower: String(tower),
    items: like.items,
    cosine: like.cosine.toFixed(2),
  });
  call.fail(message, { literal: path });
  return false;
}

/** Changes that were not compacted are served with the index. The copy of a base is the index itself. */
function servedDelta(index: string, { file }: IndexFile, to: string): ArtefactFile[] {
  const delta = deltaFile(index);
  if (recordKinds(delta).size === 0) return [];
  const place = join(LIVE_FOLDER, `${basename(to)}.delta`);
  return [file === index ? { from: delta, to: place } : { bytes: withOwnBase(delta), to: place }];
}

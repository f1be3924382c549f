/** Nearest items of a query vector in a vector database: one group of candidates per row. */
import { join } from "node:path";
import type { ArtefactOf, PathOf } from "../../compiler/dsl/artefacts.js";
import type { IsUnknown } from "../../compiler/dsl/column.js";
import { type ColumnValue, type LambdaReference, lambdaReference } from "../../compiler/dsl/lambda.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne, Settled } from "../../compiler/dsl/wanted.js";
import type { Expression } from "../../contract/expression.js";
import { OP_PARAMS, type OpParams } from "../../contract/op-params.js";
import { FilterFault, templateOf } from "../../contract/vector-filter/template.js";
import type { TableColumn } from "../../formats/tables/attribute-table.js";
import { refuseFilter } from "../../formats/vectors/store-abilities.js";
import { VECTORS_SUFFIX, type VectorStore } from "../../formats/vectors/vector-store.js";
import { lambdaSchema } from "../lambda-op/author.js";
import type { Bound } from "../shared/author/bound.js";
import { type Call, defineOp } from "../shared/author/define-op.js";
import { excludedIds } from "../shared/author/excluded-ids.js";
import { itemCondition } from "../shared/author/item-condition.js";
import { foundColumns, type ItemWith, queryVector } from "../shared/author/query-vector.js";

type VectorOf<P> = [ArtefactOf<P, "vectors">] extends [never]
  ? `float32[${number}]`
  : ArtefactOf<P, "vectors">["vector"];

type IdsOf<P> = [ArtefactOf<P, "vectors">] extends [never]
  ? "int64" | "string"
  : ArtefactOf<P, "vectors"> extends { readonly ids: "string" }
    ? "string"
    : "int64";

/** An item as a condition sees it: the attributes of the store. */
type AttributesOf<P> = [ArtefactOf<P, "vectors">] extends [never]
  ? ColumnValue
  : ItemWith<ArtefactOf<P, "vectors">["attributes"]>;

/** A sentence unless S has the vector: it is the only column, or beside a condition one of several. */
type NoVector<P, S extends string, W extends boolean> =
  IsUnknown<S> extends true
    ? never
    : [W extends true ? never : NotOne<"queryVectors", S>] extends [never]
      ? [Extract<Settled<VectorOf<P> & string, S>, `${VectorOf<P> & string} ${string}`>] extends [never]
        ? `${P & string} holds ${VectorOf<P> & string} vectors, and no column upstream is one`
        : never
      : NotOne<"queryVectors", S>;

interface VectorsRule<P, D extends boolean, W extends boolean> extends Rule {
  readonly fault: NoVector<P, this["S"], W>;
  readonly out: D extends true
    ? `${IdsOf<P>} candidate_ids` | "float32 candidate_distances"
    : `${IdsOf<P>} candidate_ids`;
}

/**
 * The `topk` nearest items of each query vector in a vector database, best first. All users of a request are one call as far as the database
 * allows. A search that is late or fails is an error of the request, which `fallback` and `mergeCandidates` can replace.
 * @param store file that describes it (`*.vectors.yaml`), relative to this file
 * @param options.topk how many, at most 10,000; fewer where the database finds fewer @default 10
 * @param options.includeDistances adds `candidate_distances`: inner product, squared L2, or cosine
 * @param options.exclude ids to exclude, one or a list of them per query (texts, if the ids are texts)
 * @param options.where condition for candidates, a function of the item's attributes and of the user, the columns of the left node beside the
 * query vector. It is read, never run, and translated to the database's own language; what that cannot say is refused by name
 * @example query >> queryVectors("stores/items.vectors.yaml", { topk: 100, exclude: user["purchased_ids"] })
 * @example (query + user["country"]) >> queryVectors("stores/items.vectors.yaml", { where: (item, user) => item.stock > 0 && item.country === user.country })
 */
export function queryVectors<
  const P extends PathOf<"vectors">,
  const O extends {
    readonly topk?: number;
    readonly includeDistances?: boolean;
    readonly exclude?: AnyNode;
    readonly where?: unknown;
  },
>(
  store: P,
  options?: O & {
    readonly where?: (item: AttributesOf<NoInfer<P>>, user: ColumnValue) => unknown;
    readonly $where?: LambdaReference;
  },
): Op<
  VectorsRule<
    P,
    O["includeDistances"] extends true ? true : false,
    O extends { readonly where: unknown } ? true : false
  >
> {
  const { exclude, where, $where, ...parameters } = options ?? {};
  return new Op(
    "queryVectors",
    { store, ...parameters, ...(where && { where: $where ?? lambdaReference(where) }) },
    exclude && { exclude },
  );
}

export const queryVectorsOp = defineOp({
  kind: "queryVectors",
  positional: ["store"],
  nodeOptions: ["exclude"],
  params: OP_PARAMS.queryVectors
    .omit({ where: true, type: true, dimension: true })
    .extend({ where: lambdaSchema.optional() }),
  infer: call => {
    const { store, topk, includeDistances } = call.params;
    const read = call.artefacts.vectors(store);
    if (!read.ok) return call.fail(read.message, { literal: store });
    const { type, dimension, ids } = read.value;
    const found = queryVector(call, { operator: "queryVectors", path: store });
    if (!found) return undefined;
    const { query, dimension: seen } = found;
    const { name, rows } = query.column;
    if (seen !== dimension)
      return call.refuse(
        `\`${store}\` holds vectors of ${dimension} values, and \`${name}\` has ${seen}.`,
        "Load the embeddings of the same model, or correct `dimension` in the file.",
        { literal: store },
      );
    const exclude = call.dependency("exclude").length > 0 ? excludedIds(call, query, "queryVectors", ids) : null;
    const where = compileVectorsWhere(call, query, read.value);
    if (exclude === undefined || where === undefined) return undefined;
    const file = call.artefactName(store, read.path);
    const to = join("stores", file.endsWith(VECTORS_SUFFIX) ? file : `${file}${VECTORS_SUFFIX}`);
    return {
      params: { store, type, topk, includeDistances, dimension, ...(where && { where: where.where }) },
      inputs: {
        input: [query],
        ...(exclude && { exclude: [exclude] }),
        ...(where && where.user.length > 0 && { user: where.user }),
      },
      outputs: foundColumns(call.id, ids, { includeDistances, metric: read.value.metric }),
      madeRows: { parent: rows },
      artefacts: { store: to },
      files: [{ from: read.path, to }],
    };
  },
});

interface VectorsParams {
  readonly store: string;
  readonly where?: LambdaReference | undefined;
}

interface CompiledVectorsWhere {
  readonly where: NonNullable<OpParams["queryVectors"]["where"]>;
  /** Columns of the left node that it reads. */
  readonly user: readonly Bound[];
}

/**
 * The condition of a search in a vector database, compiled and checked for the database's language.
 * @returns undefined after a fault, which is reported; null where no condition is given
 */
function compileVectorsWhere(
  call: Call<VectorsParams>,
  query: Bound,
  store: VectorStore,
): CompiledVectorsWhere | null | undefined {
  const { where } = call.params;
  if (!where) return null;
  const lambda = call.readFunction(where, "queryVectors");
  if (!lambda) return undefined;
  const columns = Object.entries(store.attributes).map(([name, dtype]): TableColumn => ({ name, dtype, type: dtype }));
  const condition = itemCondition(call, query, lambda, columns, "queryVectors");
  if (!condition) return undefined;
  const { text, conditions, user, item } = condition;
  if (!isExpressible(call, store, conditions)) return undefined;
  const attributes = Object.fromEntries(item.map(name => [name, store.attributes[name]!]));
  return { where: { text, conditions, attributes }, user };
}

/** Reports a condition that the database cannot say. */
function isExpressible(call: Call<VectorsParams>, store: VectorStore, conditions: readonly Expression[]): boolean {
  try {
    refuseFilter(store.type, templateOf(conditions));
    return true;
  } catch (error) {
    if (!(error instanceof FilterFault)) throw error;
    call.refuse(`\`where\` ${error.problem}.`, error.way, "right");
    return false;
  }
}

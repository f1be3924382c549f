/** Embeddings by id from a table that is served beside the models. */
import { join } from "node:path";
import type { ArtefactOf, PathOf } from "../../compiler/dsl/artefacts.js";
import { Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { column } from "../../contract/schema.js";
import { needOne } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";

interface EmbeddingRule<T extends string, O> extends Rule {
  readonly fault: NotOne<"queryEmbedding", this["S"]>;
  readonly out: `${T} ${O extends { readonly name: infer N extends string } ? N : "embedding"}`;
}

/**
 * Looks vectors up by id: a big embedding table beside the model instead of inside it. A table of up to `memoryMb` is held in memory. A
 * larger one is read from its file through the system's page cache, and `memoryMb` cache the rows used last. Ids take 8 bytes each, always.
 * @param path table folder, relative to this file: `merlon embedding build` makes it from Parquet, `merlon embedding import` from HugeCTR's model files or numpy's `.npz`
 * @param options.onMissing what an id without a vector gets @default "zero"
 * @param options.memoryMb most mebibytes of vectors in memory: the whole table, or its hottest rows @default 256
 * @example items["item_id"] >> queryEmbedding("tables/items.embedding", { name: "item_vector" })
 */
export const queryEmbedding = <
  const P extends PathOf<"embedding">,
  const O extends Omit<OpParamsInput["queryEmbedding"], "path" | "dimension"> = Record<never, never>,
>(
  path: P,
  options?: O,
): Op<
  EmbeddingRule<
    [ArtefactOf<P, "embedding">] extends [never] ? `float32[${number}]` : ArtefactOf<P, "embedding">["vector"],
    O
  >
> => new Op("queryEmbedding", { path, ...options });

export const queryEmbeddingOp = defineOp({
  kind: "queryEmbedding",
  positional: ["path"],
  params: OP_PARAMS.queryEmbedding.omit({ dimension: true }),
  infer: call => {
    const { path, name } = call.params;
    const read = call.artefacts.embedding(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    const ids = needOne(call, call.input, "`queryEmbedding`", `queryEmbedding("${path}")`);
    if (!ids) return undefined;
    const { dtype, list, rows } = ids.column;
    if (list || !/^u?int(8|16|32|64)$/.test(dtype) || dtype === "uint64")
      return call.refuseType(
        ids.column,
        "one integer id per row",
        "Give it the raw ids, or what `categorify` made of them in training.",
        "left",
      );
    const { dimension } = read.value;
    const to = join("embeddings", call.artefactName(path, read.path));
    return {
      params: { ...call.params, dimension },
      inputs: { input: [ids] },
      outputs: [column(name, "float32", { rows, list: { min: dimension, max: dimension } })],
      artefacts: { table: to },
      files: [{ from: read.path, to }],
    };
  },
});

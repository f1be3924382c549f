/** Pairs of ids → how alike what they stand for is. */

import * as messages from "../../compiler/diagnostics/messages.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { column, printType } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import { groupNames, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";

type Options = Omit<OpParamsInput["columnSimilarity"], "groups" | "features">;

/**
 * For each pair of columns, a list of two in the list on the left: `{a}_{b}_sim`, float64, the inner product of the two ids' features. A
 * file has the features, in columns `row` (the id, from 0), `column` (the feature) and, unless all are 1, `value`. It is read during the
 * fit. `"tfidf"` weighs a feature by ln(N / number of entries), where N is the largest id + 1, and scales rows to length 1. `"cosine"` only
 * scales. `"inner"` does neither. An id without features is like nothing: 0. A null id gives null. NVTabular's ColumnSimilarity.
 * @param features Parquet or CSV, beside this file
 * @param options.rightFeatures features of the second column, where they are others
 * @example [["document_id", "promoted_id"]] >> columnSimilarity("categories.parquet")
 */
export const columnSimilarity = (features: string, options: Options = {}): Op<OpenRule> =>
  new Op("columnSimilarity", { features, ...options });

export const columnSimilarityOp = defineOp({
  kind: "columnSimilarity",
  positional: ["features"],
  params: OP_PARAMS.columnSimilarity,
  infer: call => {
    const alone = call.groups.find(group => group.length !== 2);
    const odd = call.input.find(
      ({ column: { dtype, list } }) => list || !["int", "uint"].includes(datatype(dtype).kind),
    );
    if (alone || odd)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "columnSimilarity",
          wanted: alone ? "pairs of columns" : "integer ids",
          column: (odd ?? alone?.[0])?.column.name ?? "",
          seen: odd && !alone ? printType(odd.column) : "no pair",
          way: 'Pair the columns, a list in the list: `[["item_id", "other_id"]] >> columnSimilarity(...)`.',
        }),
        "left",
      );
    if (!sameRows(call, call.input, "`columnSimilarity`")) return undefined;
    const rows = call.input[0]!.column.rows;
    const groups = groupNames(call);
    return {
      params: { ...call.params, groups },
      inputs: { input: call.input },
      outputs: groups.map(([a, b]) => column(`${a}_${b}_sim`, "float64", { rows, tags: ["continuous"] })),
    };
  },
});

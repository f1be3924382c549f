/** Columns → the same columns; what the fitted data looks like is kept. */

import { Op } from "../../compiler/dsl/node.js";
import type { SameRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns } from "../shared/author/elementwise.js";

/**
 * Keeps statistics per column in the fitted folder: dtype, distinct values (not for floats), min, max, mean, standard deviation (ddof 1)
 * and percentage of nulls. For text, min to deviation are those of its length in code points. Data and schema stay. NVTabular's DataStats.
 * @example ["brand", "price"] >> dataStats()
 */
export const dataStats = (): Op<SameRule> => new Op("dataStats", {});

export const dataStatsOp = defineOp({
  kind: "dataStats",
  params: OP_PARAMS.dataStats,
  infer: call => mapColumns(call, ({ column }) => column),
});

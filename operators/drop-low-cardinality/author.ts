/** Columns → those that distinguish rows: categorical columns with few ids are dropped. */

import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { defineOp } from "../shared/author/define-op.js";

/**
 * Drops categorical columns whose largest id (`domain.max` in the schema, written by `categorify`) is below `minCardinality`. Columns that
 * are not categorical, or whose domain is unknown, stay. Which go is known once the workflow is fitted. NVTabular's DropLowCardinality.
 * @param minCardinality @default 4
 * @example ["brand", "is_new"] >> categorify() >> dropLowCardinality(10)
 */
export const dropLowCardinality = (
  minCardinality: OpParamsInput["dropLowCardinality"]["minCardinality"] = 4,
): Op<OpenRule> => new Op("dropLowCardinality", { minCardinality });

/** Largest id of a categorical column, where the schema says it. */
function largestId({ tags, properties: { domain } }: ColumnSchema): number | undefined {
  if (!tags.includes("categorical") || typeof domain !== "object" || domain === null || Array.isArray(domain))
    return undefined;
  return typeof domain.max === "number" ? domain.max : undefined;
}

export const dropLowCardinalityOp = defineOp({
  kind: "dropLowCardinality",
  params: OP_PARAMS.dropLowCardinality,
  infer: call => {
    const kept = call.input.filter(({ column }) => (largestId(column) ?? Infinity) >= call.params.minCardinality);
    return { params: call.params, inputs: { input: kept }, outputs: kept.map(({ column }) => column) };
  },
});

/** Says more about columns than tags can; data is untouched. */
import { OP_PARAMS, type OpParamsInput } from "../../triton-protos/op-params.js";
import { Op } from "../dsl/node.js";
import type { SameRule } from "../dsl/rule.js";
import { defineOp } from "./define-op.js";
import { mapColumns, withProperties } from "./elementwise.js";

/**
 * Adds properties to columns. They travel in the schema files; what says them last wins.
 * @example price >> addProperties({ domain: { min: 0, max: 5000 } })
 */
export const addProperties = (properties: OpParamsInput["addProperties"]["properties"]): Op<SameRule> =>
  new Op("addProperties", { properties });

export const addPropertiesOp = defineOp({
  kind: "addProperties",
  params: OP_PARAMS.addProperties,
  facts: { elementwise: true, inWorkflow: true, prunable: true },
  infer: call => mapColumns<"addProperties">(call, ({ column }) => withProperties(column, call.params.properties)),
});

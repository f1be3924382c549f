/** Says more about columns than tags can; data is untouched. */

import { Op } from "../../compiler/dsl/node.js";
import type { SameRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns, withProperties } from "../shared/author/elementwise.js";

/**
 * Adds properties to columns. They travel in the schema files; what says them last wins.
 * @example price >> addProperties({ domain: { min: 0, max: 5000 } })
 */
export const addProperties = (properties: OpParamsInput["addProperties"]["properties"]): Op<SameRule> =>
  new Op("addProperties", { properties });

export const addPropertiesOp = defineOp({
  kind: "addProperties",
  params: OP_PARAMS.addProperties,
  infer: call => mapColumns(call, ({ column }) => withProperties(column, call.params.properties)),
});

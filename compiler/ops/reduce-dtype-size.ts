/** Numbers → the same numbers in fewer bytes, as far as the fitted data allows. */
import { datatype } from "../../triton-protos/datatype.js";
import { OP_PARAMS, type OpParamsInput } from "../../triton-protos/op-params.js";
import { OP_STATE } from "../../triton-protos/op-state.js";
import type { ColumnSchema } from "../../triton-protos/schema.js";
import { Op } from "../dsl/node.js";
import type { OpenRule } from "../dsl/rule.js";
import { defineOp } from "./define-op.js";
import { mapColumns } from "./elementwise.js";

/**
 * Signed integers take the narrowest of int8, int16, int32 and int64 that holds every value of the fitted data, floats take `floatDtype`;
 * other columns stay. The dtype is known once the workflow is fitted. A later value that does not fit is an error that names it (NVTabular
 * wraps it round silently). NVTabular's ReduceDtypeSize.
 * @param options.floatDtype `"float32"` (default) or `"float64"`
 * @example ["age", "price"] >> reduceDtypeSize()
 */
export const reduceDtypeSize = (options: OpParamsInput["reduceDtypeSize"] = {}): Op<OpenRule> =>
  new Op("reduceDtypeSize", options);

export const reduceDtypeSizeOp = defineOp({
  kind: "reduceDtypeSize",
  params: OP_PARAMS.reduceDtypeSize,
  facts: { elementwise: true, inWorkflow: true, prunable: true },
  infer: call => {
    const state = OP_STATE.reduceDtypeSize.safeParse(call.state).data;
    return mapColumns<"reduceDtypeSize">(call, ({ column }): ColumnSchema => {
      if (datatype(column.dtype).kind === "float") return { ...column, dtype: call.params.floatDtype };
      return { ...column, dtype: state?.columns[column.name]?.dtype ?? column.dtype };
    });
  },
});

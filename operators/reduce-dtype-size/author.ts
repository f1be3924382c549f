/** Numbers → the same numbers in fewer bytes, as far as the fitted data allows. */

import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { OP_STATE } from "../../contract/op-state.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns } from "../shared/author/elementwise.js";

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
  infer: call => {
    const state = OP_STATE.reduceDtypeSize.safeParse(call.state).data;
    return mapColumns(call, ({ column }): ColumnSchema => {
      if (datatype(column.dtype).kind === "float") return { ...column, dtype: call.params.floatDtype };
      return { ...column, dtype: state?.columns[column.name]?.dtype ?? column.dtype };
    });
  },
});

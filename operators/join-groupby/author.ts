/** Values → statistics of the fitted rows with the same value. */

import * as messages from "../../compiler/diagnostics/messages.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParams, type OpParamsInput } from "../../contract/op-params.js";
import { OP_STATE } from "../../contract/op-state.js";
import { type ColumnSchema, column } from "../../contract/schema.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { groupNames, joinedName, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { isNumber } from "../shared/author/elementwise.js";
import { scalars } from "../target-encoding/author.js";

type Stat = OpParams["joinGroupby"]["stats"][number];

/**
 * Joins statistics of the fitted rows with the same value: `{column}_count` (int32) and, per column of `of`, `{column}_{of}_sum`, `_mean`,
 * `_std`, `_var` (ddof 1), `_min`, `_max`. Nulls among the values are left out; a null key is a key like any other. A list in the list on
 * the left is one key of several columns. A key not seen has count 0 and nulls (NVTabular raises). NVTabular's JoinGroupby.
 * @param stats `"count"`, `"sum"`, `"mean"`, `"std"`, `"var"`, `"min"`, `"max"`
 * @param of columns to take statistics of; read while fitting alone
 * @param options.nvtabularNulls for models that were trained with NVTabular. Divides mean, variance and deviation by all rows of the key,
 * including nulls. The sum of no values is 0 @default false
 * @example ["brand", ["brand", "city"]] >> joinGroupby(["count", "mean"], events["price"])
 */
export const joinGroupby = (
  stats: readonly Stat[],
  of?: AnyNode,
  options: Pick<OpParamsInput["joinGroupby"], "nvtabularNulls"> = {},
): Op<OpenRule> => new Op("joinGroupby", { stats, ...options }, of ? { of } : {});

/** dtype of a statistic of a column. Sums of integers are 64 bits wide. */
function dtypeOf(stat: Stat, of: DType): DType {
  if (stat === "min" || stat === "max") return of;
  if (stat !== "sum") return "float32";
  const { kind } = datatype(of);
  return kind === "float" ? of : kind === "uint" ? "uint64" : "int64";
}

export const joinGroupbyOp = defineOp({
  kind: "joinGroupby",
  positional: ["stats"],
  params: OP_PARAMS.joinGroupby,
  infer: call => {
    const { stats } = call.params;
    const state = OP_STATE.joinGroupby.safeParse(call.state).data;
    const of = call.dependency("of");
    if (!scalars(call, "joinGroupby", call.input, "left", () => true)) return undefined;
    if (!scalars(call, "joinGroupby", of, { dependency: "of" }, isNumber)) return undefined;
    if (!sameRows(call, [...call.input, ...of], "`joinGroupby`")) return undefined;
    const values = state?.of ?? of.map(b => ({ name: b.column.name, dtype: b.column.dtype }));
    const ofValues = stats.filter(stat => stat !== "count");
    if (ofValues.length > 0 && values.length === 0)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "joinGroupby",
          wanted: `columns to take the ${ofValues.join(", ")} of`,
          column: call.input[0]!.column.name,
          seen: "alone",
          way: `Give it some: \`joinGroupby(${JSON.stringify(stats)}, node["price"])\`, or use \`["count"]\` alone.`,
        }),
        "right",
      );
    const { rows } = call.input[0]!.column;
    const groups = groupNames(call);
    const outputs = groups
      .map(joinedName)
      .flatMap((group): ColumnSchema[] => [
        ...(stats.includes("count") ? [column(`${group}_count`, "int32", { rows })] : []),
        ...values.flatMap(({ name, dtype }) =>
          ofValues.map(stat => column(`${group}_${name}_${stat}`, dtypeOf(stat, dtype), { rows })),
        ),
      ]);
    const inputs = state || of.length === 0 ? { input: call.input } : { input: call.input, of };
    return { params: { ...call.params, groups }, inputs, outputs };
  },
});

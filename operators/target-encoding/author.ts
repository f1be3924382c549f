/** Values → the smoothed mean that a target had among the rows with the same value. */

import * as messages from "../../compiler/diagnostics/messages.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { OP_STATE } from "../../contract/op-state.js";
import { column, printType } from "../../contract/schema.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { Scope } from "../shared/author/bound.js";
import { groupNames, joinedName, sameRows } from "../shared/author/columns.js";
import { type Blame, type Call, defineOp } from "../shared/author/define-op.js";
import { isNumber } from "../shared/author/elementwise.js";

/**
 * `(Σ target + pSmooth · mean) / (count + pSmooth)` over the fitted rows with the same value, as `TE_{column}_{target}`; the target's mean
 * for a value not seen. Rows without a target are left out. A null is a value like any other. A list in the list on the left is one key of
 * several columns. The statistics are those of all rows, and serving needs no target. NVTabular serves the statistics of a fold, by the
 * position of a row in its batch, and requires the target.
 * @param target numbers or booleans, one or several columns; read while fitting alone
 * @param options.pSmooth how many rows' worth of the overall mean to mix in @default 20
 * @param options.outDtype `"float32"` (default, as NVTabular) or `"float64"`
 * @param options.foldMode `"nvtabular"`: a row takes the statistics of its key without the fold of its number, as NVTabular does. Use it
 * for comparison with NVTabular, and to train without the row's own target. A fit or transform numbers the rows of all its files together,
 * a server those of each request. Transform the files of the fit, all in the same order. In another order rows are in other folds, and the
 * statistics include their own targets. `kfold` (3) and `foldSeed` (42) are NVTabular's
 * @param options.nvtabularNulls counts the rows of a value that have no target too: what NVTabular learns, for models that were trained with it
 *   @default false
 * @example ["brand", ["brand", "city"]] >> targetEncoding(events["clicked"], { pSmooth: 10 })
 */
export const targetEncoding = (
  target: AnyNode,
  options: Omit<OpParamsInput["targetEncoding"], "groups"> = {},
): Op<OpenRule> => new Op("targetEncoding", options, { target });

export const targetEncodingOp = defineOp({
  kind: "targetEncoding",
  params: OP_PARAMS.targetEncoding.refine(
    p => p.foldMode !== undefined || (p.kfold === undefined && p.foldSeed === undefined),
    "`kfold` and `foldSeed` go with `foldMode`",
  ),
  infer: call => {
    const state = OP_STATE.targetEncoding.safeParse(call.state).data;
    const target = call.dependency("target");
    const targets = state ? Object.keys(state.means) : target.map(b => b.column.name);
    if (!scalars(call, "targetEncoding", call.input, "left", () => true)) return undefined;
    if (
      !scalars(
        call,
        "targetEncoding",
        target,
        { dependency: "target" },
        d => isNumber(d) || datatype(d).kind === "bool",
      )
    )
      return undefined;
    if (!sameRows(call, [...call.input, ...target], "`targetEncoding`")) return undefined;
    const groups = groupNames(call);
    const rows = call.input[0]!.column.rows;
    return {
      params: { ...call.params, groups },
      // Once fitted, the target is not read any more.
      inputs: state ? { input: call.input } : { input: call.input, target },
      outputs: groups.flatMap(group =>
        targets.map(name =>
          column(`TE_${joinedName(group)}_${name}`, call.params.outDtype, { rows, tags: ["continuous"] }),
        ),
      ),
    };
  },
});

/** Reports the first column that is a list or of a dtype that does not do. */
export function scalars(
  call: Call<unknown>,
  operator: string,
  scope: Scope,
  blame: Blame,
  accepts: (dtype: DType) => boolean,
): boolean {
  const odd = scope.find(({ column: col }) => col.list || !accepts(col.dtype));
  if (!odd) return true;
  const seen = printType(odd.column);
  const way = `Leave it out: \`node - "${odd.column.name}"\`.`;
  const wanted = odd.column.list ? "one value a row" : "numbers";
  call.fail(messages.schemaDtypeUnsupported({ operator, wanted, column: odd.column.name, seen, way }), blame);
  return false;
}

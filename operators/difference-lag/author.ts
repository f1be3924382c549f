/** Numbers → how much they differ from those of an earlier or later row. */
import { z } from "zod";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { column } from "../../contract/schema.js";
import { sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { isNumber, needNumber } from "../shared/author/elementwise.js";
import { scalars } from "../target-encoding/author.js";

/**
 * x minus the x `shift` rows before (negative: after), as `{column}_difference_lag_{shift}`, float32. It is null if the two rows differ in
 * a column of `partition`, or if one of these is null. Rows must be in order, with the rows of a partition together: each file, and each
 * request, is processed separately. NVTabular's DifferenceLag.
 * @param partition columns that say which rows belong together
 * @param options.shift one number or several @default 1
 * @example ["timestamp"] >> differenceLag(events["user_id"], { shift: [1, -1] })
 */
export const differenceLag = (
  partition: AnyNode,
  { shift = 1 }: { readonly shift?: number | readonly number[] } = {},
): Op<OpenRule> => new Op("differenceLag", { shift }, { partition });

const whole = z
  .number()
  .int()
  .refine(n => n !== 0, "must not be 0");

export const differenceLagOp = defineOp({
  kind: "differenceLag",
  params: z.strictObject({ shift: z.union([whole, z.array(whole).min(1)]) }),
  infer: call => {
    const { shift } = call.params;
    const partition = call.dependency("partition");
    if (!call.input.every(bound => needNumber(call, "differenceLag", bound))) return undefined;
    if (!scalars(call, "differenceLag", call.input, "left", isNumber)) return undefined;
    if (!scalars(call, "differenceLag", partition, { dependency: "partition" }, () => true)) return undefined;
    if (!sameRows(call, [...call.input, ...partition], "`differenceLag`")) return undefined;
    const shifts = typeof shift === "number" ? [shift] : shift;
    return {
      params: { shifts },
      inputs: { input: call.input, partition },
      outputs: shifts.flatMap(by =>
        call.input.map(({ column: { name, rows } }) =>
          column(`${name}_difference_lag_${by}`, "float32", { rows, tags: ["continuous"] }),
        ),
      ),
    };
  },
});

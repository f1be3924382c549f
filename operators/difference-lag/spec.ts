/** `differenceLag` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const differenceLag = operator({
  params: z.strictObject({
    /** Rows to look back; negative: ahead. */
    shifts: z
      .array(
        z
          .number()
          .int()
          .refine(n => n !== 0, "must not be 0"),
      )
      .min(1),
  }),
  ports: { input: "many", partition: "many" },
  facts: { ...TOGETHER, nulls: "possible", rows: "kept", readsOtherRows: true },
  describe: ({ params, names }) =>
    `differ from ${params.shifts.map(n => `${Math.abs(n)} ${n > 0 ? "before" : "after"}`).join(" and ")} within ${names("partition")}`,
});

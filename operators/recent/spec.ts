/** `recent` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const recent = operator({
  params: z.strictObject({
    /** Most candidates of a row. */
    count: z.number().int().min(1).default(10),
    /** Seconds: older ones are left out. */
    within: z.number().positive().optional(),
    name: z.string().min(1).default("candidate_ids"),
  }),
  ports: { input: "one", times: "one?", now: "one?" },
  makes: 1,
  facts: { ...STAGE, nulls: "none", rows: "brought", cacheable: false, scores: false },
  describe: ({ params, names }) =>
    `bring the last ${params.count} of ${names("input")}${params.within === undefined ? "" : `, of the last ${params.within} s`}`,
});

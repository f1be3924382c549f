/** `fallback` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const fallback = operator({
  params: z.strictObject({
    /** Milliseconds from the start of the run. */
    within: z.number().positive().optional(),
  }),
  ports: { input: "branch", fallback: "branch" },
  facts: { ...CHOSEN, nulls: "possible", within: params => params.within },
  describe: ({ params, names }) =>
    `take ${names("input")}, or the fallback's${params.within === undefined ? "" : ` after ${params.within} ms`} when that fails`,
});

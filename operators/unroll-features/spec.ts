/** `unrollFeatures` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const unrollFeatures = operator({
  params: z.strictObject({ itemColumn: z.string(), prefix: z.string().default("") }),
  facts: { ...STAGE, nulls: "as read", rows: "chosen", cacheable: false, scores: false, prunable: true },
  describe: ({ params, names }) => `repeat ${names("unroll") || "nothing"} for each ${params.itemColumn}`,
});

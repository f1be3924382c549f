/** `dropna` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const dropna = operator({
  params: z.strictObject({}),
  ports: { input: "many" },
  facts: {
    ...TOGETHER,
    nulls: "possible",
    rows: "changed",
    leavesOut: { by: () => undefined, without: "the others" },
  },
  describe: () => "drop rows that lack a value",
});

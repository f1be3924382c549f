/** `clip` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const clip = operator({
  params: z.strictObject({ min: z.number().optional(), max: z.number().optional() }),
  ports: { input: "many" },
  makes: "each",
  facts: { ...PER_COLUMN, nulls: "as read", fuses: true, describes: false },
  describe: ({ params }) => {
    const { min, max } = params;
    return min === undefined
      ? `at most ${max}`
      : max === undefined
        ? `at least ${min}`
        : `keep within ${min} and ${max}`;
  },
});

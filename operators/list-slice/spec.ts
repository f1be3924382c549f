/** `listSlice` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { listed } from "../shared/spec/describe.js";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { scalar } from "../shared/spec/params.js";

export const listSlice = operator({
  params: z.strictObject({
    /** Counted from the end where negative; alone and positive it is the end. */
    start: z.number().int(),
    end: z.number().int().optional(),
    /** Fills short lists on the right. */
    pad: z.boolean().default(false),
    /** Default: 0, or "" for text. */
    padValue: scalar.optional(),
  }),
  ports: { input: "many" },
  makes: "each",
  facts: { ...PER_COLUMN, nulls: "as read", fuses: false, describes: false },
  describe: ({ params }) => listed(params),
});

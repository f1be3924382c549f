/** `bucketize` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { listed } from "../shared/spec/describe.js";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

/** Rising numbers, for every column or by column. */
export const bucketize = operator({
  params: z.strictObject({ boundaries: z.union([z.array(z.number()), perColumn(z.array(z.number()))]) }),
  facts: { ...PER_COLUMN, nulls: "none", fuses: true, describes: false },
  describe: ({ params }) => listed(params),
});

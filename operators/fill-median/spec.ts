/** `fillMedian` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const fillMedian = operator({
  params: z.strictObject({ addBinaryColumns: z.boolean().default(false) }),
  facts: { ...PER_COLUMN, nulls: "none", fuses: true, describes: false, learns: "of inputs" },
  describe: () => "put the median for null",
});

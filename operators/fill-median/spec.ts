/** `fillMedian` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

export const fillMedian = operator({
  params: z.strictObject({ addBinaryColumns: z.boolean().default(false) }),
  ports: { input: "many" },
  learns: {
    of: "inputs",
    /** A number, or text for a 64-bit integer. */
    state: z.strictObject({ columns: perColumn(z.strictObject({ median: z.union([z.number(), z.string()]) })) }),
  },
  facts: { ...PER_COLUMN, nulls: "none", fuses: true, describes: false },
  describe: () => "put the median for null",
});

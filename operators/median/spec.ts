/** `median` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

export const median = operator({
  params: z.strictObject({}),
  ports: { input: "many" },
  makes: "each",
  learns: {
    of: "inputs",
    state: z.strictObject({ columns: perColumn(z.strictObject({ median: z.union([z.number(), z.string()]) })) }),
  },
  identity: true,
  facts: { ...PER_COLUMN, nulls: "possible", fuses: false, describes: false },
  describe: () => "note the median",
});

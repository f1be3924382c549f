/** `valueCount` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

export const valueCount = operator({
  params: z.strictObject({}),
  ports: { input: "many" },
  makes: "each",
  learns: {
    of: "inputs",
    /** Lengths of the shortest and the longest list. */
    state: z.strictObject({
      columns: perColumn(z.strictObject({ min: z.number().int().min(0), max: z.number().int().min(0) })),
    }),
  },
  facts: { ...PER_COLUMN, nulls: "possible", fuses: false, describes: false },
  describe: () => "note how long the lists are",
});

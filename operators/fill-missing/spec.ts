/** `fillMissing` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const fillMissing = operator({
  params: z.strictObject({
    fillValue: z.union([z.number(), z.string(), z.boolean()]).default(0),
    /** Adds a bool column `{column}_filled` that says which rows were null. */
    addBinaryColumns: z.boolean().default(false),
  }),
  ports: { input: "many" },
  facts: { ...PER_COLUMN, nulls: "none", fuses: true, describes: false },
  describe: ({ params }) => `put ${JSON.stringify(params.fillValue)} for null`,
});

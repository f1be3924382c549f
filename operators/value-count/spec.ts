/** `valueCount` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const valueCount = operator({
  params: z.strictObject({}),
  facts: { ...PER_COLUMN, nulls: "possible", fuses: false, describes: false, learns: "of inputs" },
  describe: () => "note how long the lists are",
});

/** `logOp` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const logOp = operator({
  params: z.strictObject({}),
  ports: { input: "many" },
  makes: "each",
  facts: { ...PER_COLUMN, nulls: "none", fuses: true, describes: false },
  describe: () => "log(1 + x)",
});

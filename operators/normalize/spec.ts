/** `normalize` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const normalize = operator({
  params: z.strictObject({ outDtype: z.enum(["float32", "float64"]).default("float64") }),
  facts: { ...PER_COLUMN, nulls: "none", fuses: true, describes: false, learns: "of inputs" },
  describe: () => "(x − mean) / standard deviation",
});

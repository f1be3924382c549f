/** `normalizeMinMax` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

export const normalizeMinMax = operator({
  params: z.strictObject({ outDtype: z.enum(["float32", "float64"]).default("float64") }),
  ports: { input: "many" },
  makes: "each",
  learns: {
    of: "inputs",
    /** Extremes of the non-null values. */
    state: z.strictObject({ columns: perColumn(z.strictObject({ min: z.number(), max: z.number() })) }),
  },
  facts: { ...PER_COLUMN, nulls: "none", fuses: true, describes: false },
  describe: () => "(x − min) / (max − min)",
});

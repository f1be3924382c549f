/** `reduceDtypeSize` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Integers to the narrowest type that held the fitted values, floats to this one. */
export const reduceDtypeSize = operator({
  params: z.strictObject({ floatDtype: z.enum(["float32", "float64"]).default("float32") }),
  facts: { ...PER_COLUMN, nulls: "possible", fuses: false, describes: false, learns: "of inputs" },
  describe: () => "store in fewer bytes",
});

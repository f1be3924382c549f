/** `reduceDtypeSize` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { dtype, perColumn } from "../shared/spec/params.js";

/** Integers to the narrowest type that held the fitted values, floats to this one. */
export const reduceDtypeSize = operator({
  params: z.strictObject({ floatDtype: z.enum(["float32", "float64"]).default("float32") }),
  ports: { input: "many" },
  makes: "each",
  learns: {
    of: "inputs",
    /** The dtype that each column gets. */
    state: z.strictObject({ columns: perColumn(z.strictObject({ dtype })) }),
  },
  facts: { ...PER_COLUMN, nulls: "possible", fuses: false, describes: false },
  describe: () => "store in fewer bytes",
});

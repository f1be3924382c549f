/** `dataStats` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { dtype, perColumn } from "../shared/spec/params.js";

export const dataStats = operator({
  params: z.strictObject({}),
  ports: { input: "many" },
  makes: "each",
  learns: {
    of: "inputs",
    state: z.strictObject({
      columns: perColumn(
        z.strictObject({
          dtype,
          /** Distinct values that are not null; floats have none. */
          cardinality: z.number().int().optional(),
          /** For text these four are of its length; 64-bit integers are text here. Absent where nothing is known. */
          min: z.union([z.number(), z.string()]).optional(),
          max: z.union([z.number(), z.string()]).optional(),
          mean: z.number().optional(),
          /** ddof 1 */
          std: z.number().optional(),
          /** Per cent of the values that are null. */
          perNan: z.number(),
        }),
      ),
    }),
  },
  identity: true,
  facts: { ...PER_COLUMN, nulls: "possible", fuses: false, describes: false },
  describe: () => "note what the data looks like",
});

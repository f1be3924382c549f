/** `dropLowCardinality` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Categorical columns with fewer ids go. */
export const dropLowCardinality = operator({
  params: z.strictObject({ minCardinality: z.number().int().min(0).default(4) }),
  ports: { input: "any" },
  makes: "each",
  identity: true,
  facts: { ...PER_COLUMN, nulls: "possible", fuses: false, describes: "describes", columns: "some left out" },
  describe: ({ params }) => `drop columns of fewer than ${params.minCardinality} ids`,
});

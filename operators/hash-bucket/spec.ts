/** `hashBucket` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { nvtabularHash } from "../shared/spec/params.js";

export const hashBucket = operator({
  params: z.strictObject({ numBuckets: z.number().int().min(1), nvtabularHash }),
  ports: { input: "many" },
  makes: "each",
  facts: {
    ...PER_COLUMN,
    nulls: "none",
    encodes: true,
    fuses: false,
    describes: false,
    readsRowNumber: params => params.nvtabularHash === true,
  },
  describe: ({ params }) => `hash into ${params.numBuckets} buckets`,
});

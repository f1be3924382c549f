/** `hashedCross` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { groups, nvtabularHash } from "../shared/spec/params.js";

export const hashedCross = operator({
  params: z.strictObject({ numBuckets: z.number().int().min(1), groups, nvtabularHash }),
  ports: { input: "many" },
  facts: {
    ...TOGETHER,
    nulls: "none",
    encodes: true,
    rows: "kept",
    grouped: true,
    readsRowNumber: params => params.nvtabularHash === true,
  },
  describe: ({ params }) =>
    `hash ${params.groups.map(group => group.join(", ")).join(" and ")} together into ${params.numBuckets} buckets`,
});

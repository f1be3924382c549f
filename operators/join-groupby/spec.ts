/** `joinGroupby` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { listed } from "../shared/spec/describe.js";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { groups, nvtabularNulls } from "../shared/spec/params.js";

export const joinGroupby = operator({
  params: z.strictObject({
    stats: z.array(z.enum(["count", "sum", "mean", "std", "var", "min", "max"])).min(1),
    groups,
    nvtabularNulls,
  }),
  facts: { ...TOGETHER, nulls: "possible", rows: "kept", grouped: true, learns: "of inputs" },
  describe: ({ params }) => listed(params),
});

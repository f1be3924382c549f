/** `constantCandidates` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { plural } from "../shared/spec/describe.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const constantCandidates = operator({
  params: z.strictObject({
    /** Texts; or int64, in decimal, since JSON numbers lose digits. */
    ids: z.array(z.string()).min(1),
    dtype: z.enum(["int64", "string"]),
    name: z.string().min(1).default("candidate_ids"),
  }),
  ports: { input: "one" },
  makes: 1,
  facts: { ...STAGE, nulls: "none", rows: "brought", cacheable: false, scores: false },
  describe: ({ params }) => `bring the same ${plural(params.ids.length, "candidate")}`,
});

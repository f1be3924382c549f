/** `topK` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const topK = operator({
  params: z.strictObject({ topk: z.number().int().min(1).default(10) }),
  ports: { input: "one", relevance: "one" },
  makes: 2,
  facts: { ...STAGE, nulls: "as read", rows: "chosen", cacheable: false, scores: false },
  describe: ({ params, names }) => `keep the ${params.topk} best by ${names("relevance")}`,
});

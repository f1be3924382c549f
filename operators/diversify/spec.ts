/** `diversify` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const diversify = operator({
  params: z.strictObject({
    topk: z.number().int().min(1).default(10),
    method: z.enum(["mmr", "dpp"]).default("mmr"),
    /** 1 looks at the score alone, 0 at difference alone. */
    balance: z.number().min(0).max(1).default(0.7),
  }),
  ports: { input: "one", relevance: "one", embedding: "one" },
  makes: 2,
  facts: { ...CHOSEN, nulls: "as read", orders: () => "by rule" },
  describe: ({ params, names }) =>
    `keep ${params.topk} that are good by ${names("relevance")} and unlike by ${names("embedding")} (${params.method}, balance ${params.balance})`,
});

/** `explode` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const explode = operator({
  params: z.strictObject({ name: z.string().min(1).default("candidate_ids") }),
  ports: { input: "one", with: "many?" },
  facts: { ...STAGE, nulls: "possible", rows: "brought", cacheable: false, scores: false },
  describe: ({ names, has }) =>
    `make ${names("input")} the candidates of its row${has("with") ? `, with ${names("with")}` : ""}`,
});
